/*!
The arguments of the command line, as they are typed.

[`command`] lists the commands, which are those of [`service_commands`] and, with the feature `experiments`, of `experiments`.
[`global`] holds the options of all commands. The other modules hold the options of one command or of several that belong
together. Checks that need more than one option are made by the commands.
*/

pub mod authority;
pub mod clients;
pub mod command;
pub mod evaluation_form;
pub mod evaluator;
pub mod exported_networks;
pub mod global;
pub mod policy;
pub mod selected_holder;
pub mod service;
pub mod service_commands;

#[cfg(feature = "experiments")]
pub mod experiments;
