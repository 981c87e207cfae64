import{f as a}from"./chunk-MUUMQ2K3.js";import"./chunk-SQE76S5B.js";export{a as Growing};
