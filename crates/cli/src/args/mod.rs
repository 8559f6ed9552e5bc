/*!
The arguments of the command line, as they are typed.

[`command`] lists the commands and [`global`] the options of all commands. The other modules hold the options of one command
or of several that belong together. Checks that need more than one option are made by the commands.
*/

pub mod authority;
pub mod bench;
pub mod command;
pub mod data;
pub mod evaluator;
pub mod experiment;
pub mod exported_networks;
pub mod global;
pub mod import;
pub mod policy;
pub mod report;
pub mod service;
