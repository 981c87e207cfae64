import{e as a}from"./chunk-CZYLLQDY.js";import"./chunk-SQE76S5B.js";export{a as Growing};
