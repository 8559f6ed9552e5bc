//! Configurations that say only what differs from another one.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{BUILT_IN, Problem, problem};

/// The key that names the built-in experiment to start from.
const BASE: &str = "base";

/// The table in `text`; where it names a base, with everything of the base that it does not say itself.
///
/// Tables are merged field by field, and other values replaced. Places in the result are places in `text`, or in a
/// built-in experiment's, which is known to be right and so never what an error is about.
pub fn complete<'a>(origin: &str, text: &'a str) -> Result<Spanned<DeTable<'a>>, Problem> {
    let mut table = DeTable::parse(text).map_err(|error| Problem::from_toml(origin, text, &error))?;
    let Some(name) = table.get_mut().remove(BASE) else { return Ok(table) };
    let name = name.get_ref().as_str().unwrap_or_default();
    let Some((name, base)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name) else {
        let names = BUILT_IN.map(|(name, _)| name);
        let hint = problem::nearest(name, names.into_iter())
            .map_or_else(String::new, |near| format!(" (did you mean {near:?}?)"));
        let message = format!("must be a built-in experiment: {}{hint}", names.join(", "));
        return Err(Problem::at_field(origin, text, &[BASE], message));
    };
    let span = table.span();
    let mut merged = complete(name, base)?.into_inner();
    merge(&mut merged, table.into_inner());
    Ok(Spanned::new(span, merged))
}

fn merge<'a>(base: &mut DeTable<'a>, over: DeTable<'a>) {
    for (key, value) in over {
        let span = value.span();
        let value = match (base.remove(key.get_ref().as_ref()).map(Spanned::into_inner), value.into_inner()) {
            (Some(DeValue::Table(mut below)), DeValue::Table(above)) => {
                merge(&mut below, above);
                DeValue::Table(below)
            }
            (_, value) => value,
        };
        base.insert(key, Spanned::new(span, value));
    }
}
