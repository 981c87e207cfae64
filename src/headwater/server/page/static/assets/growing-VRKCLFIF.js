import{f as a}from"./chunk-KHAPHG6I.js";import"./chunk-SQE76S5B.js";export{a as Growing};
