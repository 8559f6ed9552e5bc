//! The messages. `docs/protocol.md` lists their bytes.
//!
//! | module | holds |
//! | --- | --- |
//! | `header` | kind, version and size of a header |
//! | `reader`, `writer` | one message as a sequence of fields with a checksum |
//! | `field` | names of fields for error messages |
//! | `parameter_fields` | the fields of BFV parameters, in the order in which they are sent and hashed |
//! | `packed_input` | the fields of a model that clients need to pack an image |
//! | `parameters`, `model`, `registration`, `batch`, `answer` | one message each: how it is written and read |

pub mod answer;
pub mod batch;
pub mod field;
pub mod header;
pub mod model;
pub mod packed_input;
pub mod parameter_fields;
pub mod parameters;
pub mod reader;
pub mod registration;
pub mod writer;
