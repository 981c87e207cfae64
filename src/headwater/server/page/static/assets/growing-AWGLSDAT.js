import{e as a}from"./chunk-6LD35VC2.js";import"./chunk-SQE76S5B.js";export{a as Growing};
