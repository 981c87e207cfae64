import{h as a}from"./chunk-ZTQGBMOD.js";import"./chunk-SQE76S5B.js";export{a as Growing};
