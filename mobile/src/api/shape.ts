/** A fingerprint of what the API's answers look like, written by `make app-client`. */
export const SHAPE = "8101da291e1f583c";
