import{h as a}from"./chunk-VHPT7EXK.js";import"./chunk-SQE76S5B.js";export{a as Growing};
