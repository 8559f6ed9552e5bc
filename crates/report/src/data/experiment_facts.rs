//! Facts about an experiment, read from a run's `config.toml`.

use sottovoce_network::Architecture;
use toml::{Table, Value};

use crate::data::wording::counted;

/// The configuration of a run. A field that is absent or has another type is unknown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ExperimentFacts {
    table: Table,
}

impl ExperimentFacts {
    /// Parses `config.toml`. Returns `None` if the text is not TOML.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(Self { table: text.parse().ok()? })
    }

    fn value(&self, path: &[&str]) -> Option<&Value> {
        let (field, tables) = path.split_last()?;
        let table =
            tables.iter().try_fold(&self.table, |table, name| table.get(*name).and_then(Value::as_table))?;
        table.get(*field)
    }

    fn number(&self, path: &[&str]) -> Option<f64> {
        let value = self.value(path)?;
        value.as_float().or_else(|| value.as_integer().map(|number| number as f64))
    }

    fn count(&self, path: &[&str]) -> Option<u64> {
        self.value(path)?.as_integer().and_then(|number| u64::try_from(number).ok())
    }

    fn text(&self, path: &[&str]) -> Option<&str> {
        self.value(path)?.as_str()
    }

    /// The experiment's name.
    pub(crate) fn name(&self) -> Option<&str> {
        self.text(&["name"])
    }

    /// Name of the data set, spelled as in the configuration.
    pub(crate) fn dataset(&self) -> Option<&str> {
        self.text(&["data", "name"])
    }

    /// Returns whether the experiment inverts or turns the images of the files.
    pub(crate) fn alters_images(&self) -> bool {
        self.value(&["data", "invert"]).and_then(Value::as_bool).unwrap_or(false)
            || self.text(&["data", "orientation"]).is_some_and(|orientation| orientation != "upright")
    }

    /// Shapes of the layers of every member.
    pub(crate) fn architecture(&self) -> Option<Architecture> {
        self.value(&["architecture"])?.clone().try_into().ok()
    }

    /// Number of members of the ensemble.
    pub(crate) fn members(&self) -> Option<u64> {
        self.count(&["ensemble", "members"])
    }

    /// Training and voting in one line: `12 float and 8 quantised epochs, batch 64, 4 pixel levels, 30 logit
    /// bits, augmentation by up to 8 degrees, 1 pixel and 5 % of size`. Returns `None` if the configuration has no such field.
    pub(crate) fn training(&self) -> Option<String> {
        let field = |name| self.count(&["training", name]);
        let mut parts = Vec::new();
        if let (Some(float), Some(quantised)) = (field("float_epochs"), field("quantised_epochs")) {
            parts.push(format!("{float} float and {quantised} quantised epochs"));
        }
        parts.extend(field("batch").map(|images| format!("batch {images}")));
        parts.extend(field("pixel_levels").map(|levels| counted(levels, "pixel level", "pixel levels")));
        parts.extend(field("logit_bits").map(|bits| counted(bits, "logit bit", "logit bits")));
        parts.extend(self.augmentation());
        if parts.is_empty() {
            return None;
        }
        if self.text(&["ensemble", "averaging"]) == Some("weighted") {
            parts.push("weighted votes".to_owned());
        }
        Some(parts.join(", "))
    }

    fn augmentation(&self) -> Option<String> {
        let of = |name| self.number(&["training", "augmentation", name]);
        let (degrees, pixels, scale) = (of("rotation_degrees")?, of("shift_pixels")?, of("scale")?);
        if degrees == 0.0 && pixels == 0.0 && scale == 0.0 {
            return Some("no augmentation".to_owned());
        }
        // Binary fractions such as 0.05 make long decimals in percent.
        let percent = (scale * 1e4).round() / 100.0;
        let unit = if pixels == 1.0 { "pixel" } else { "pixels" };
        Some(format!("augmentation by up to {degrees} degrees, {pixels} {unit} and {percent} % of size"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "name = \"mine\"\n[data]\nname = \"mnist\"\n[ensemble]\nmembers = 3\n[training]\nfloat_epochs = 12\n\
        quantised_epochs = 8\nbatch = 64\npixel_levels = 4\nlogit_bits = 30\n[training.augmentation]\n\
        rotation_degrees = 8.0\nshift_pixels = 1.0\nscale = 0.05\n";

    #[test]
    fn training_is_one_line() {
        let facts = ExperimentFacts::parse(TEXT).unwrap();
        assert_eq!(
            facts.training().unwrap(),
            "12 float and 8 quantised epochs, batch 64, 4 pixel levels, 30 logit bits, augmentation by up to 8 degrees, \
             1 pixel and 5 % of size"
        );
        assert_eq!((facts.name(), facts.dataset(), facts.members()), (Some("mine"), Some("mnist"), Some(3)));
        assert!(!facts.alters_images());
    }

    #[test]
    fn training_without_augmentation_and_with_votes_says_so() {
        let text = TEXT.replace("8.0", "0.0").replace("1.0", "0.0").replace("0.05", "0.0");
        let text = text.replace("members = 3", "members = 3\naveraging = \"weighted\"");
        let line = ExperimentFacts::parse(&text).unwrap().training().unwrap();
        assert!(line.ends_with("30 logit bits, no augmentation, weighted votes"), "{line}");
    }

    #[test]
    fn what_is_absent_or_of_another_form_is_unknown() {
        let facts = ExperimentFacts::parse("name = 3\n[training]\nbatch = \"many\"\n").unwrap();
        assert_eq!((facts.name(), facts.training(), facts.architecture()), (None, None, None));
        assert_eq!(ExperimentFacts::parse("name ="), None);
    }
}
