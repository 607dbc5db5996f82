/** A fingerprint of what the API's answers look like, written by `make app-client`. */
export const SHAPE = "8042c8d8009f7adc";
