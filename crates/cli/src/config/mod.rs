/*!
Experiments as TOML: reading, merging and checking.

A field of a configuration goes through these modules, in this order:

1. [`layers`]: the text of every layer (a base, a file, a `--set` argument), merged to one table;
2. [`experiment`]: the types that the table is read into; an unknown field is refused here;
3. [`check`]: the ranges of the values, one by one and together;
4. [`configuration`]: does the three steps above, and names the layer at fault;
5. [`setting`]: the settings of an experiment, one for each split, share range and seed;
6. [`axis`], [`sweep`] and [`point_names`]: the fields that a sweep varies, its points and their names.

[`description`] reads the descriptions of weights that `sottovoce import` takes. [`toml_problem`] finds the line of a
mistake.
*/

pub mod axis;
pub mod check;
pub mod configuration;
pub mod description;
pub mod experiment;
pub mod layers;
pub mod point_names;
pub mod setting;
pub mod sweep;
pub mod toml_problem;
