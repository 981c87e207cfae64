import{h as a}from"./chunk-LQRRS3YL.js";import"./chunk-SQE76S5B.js";export{a as Growing};
