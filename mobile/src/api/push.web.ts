export * from "./push-nowhere";
