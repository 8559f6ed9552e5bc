//! Names of fields that several messages have.

pub const PARAMETERS: &str = "fingerprint of the parameters";
pub const MODEL: &str = "fingerprint of the model";
pub const KEY: &str = "fingerprint of the client's keys";
pub const BATCH: &str = "fingerprint of the batch";
pub const PIXELS: &str = "number of pixels";
pub const CLASSES: &str = "number of classes";
