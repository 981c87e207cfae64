import{f as a}from"./chunk-NTZGFQUT.js";import"./chunk-SQE76S5B.js";export{a as Growing};
