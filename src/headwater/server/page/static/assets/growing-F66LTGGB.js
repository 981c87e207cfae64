import{g as a}from"./chunk-H4CHKOCS.js";import"./chunk-SQE76S5B.js";export{a as Growing};
