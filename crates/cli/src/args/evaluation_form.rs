//! The choice between batched and packed evaluation.

use clap::ValueEnum;
use sottovoce_bfv::planner::{EvaluationForm, Preference};
use sottovoce_evaluate::FormRule;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PreferenceName {
    /// Few seconds from pixels to logits for all images together.
    Latency,
    /// Few bytes of encrypted images and answers. Keys are sent once and do not count.
    Traffic,
    /// Few seconds of the provider for an image if all batches are full.
    Throughput,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormName {
    /// A ciphertext for every pixel, with thousands of images in its slots.
    Batched,
    /// A ciphertext for every image.
    Packed,
}

/// Options of commands that evaluate images either batched or packed.
#[derive(Debug, clap::Args)]
pub struct FormOptions {
    /// Cost by which batched or packed evaluation is chosen for the number of images [default: latency].
    #[arg(long, value_enum, value_name = "COST", conflicts_with = "form")]
    prefer: Option<PreferenceName>,

    /// Form of evaluation: all images in the slots of one batch, or every image in a ciphertext of its own [default: the one
    /// that costs less by --prefer].
    #[arg(long = "evaluation", value_enum, value_name = "FORM", id = "form")]
    form: Option<FormName>,
}

impl FormOptions {
    /// The rule that the options describe.
    pub fn rule(&self) -> FormRule {
        match (self.form, self.prefer) {
            (Some(FormName::Batched), _) => FormRule::Fixed(EvaluationForm::Batched),
            (Some(FormName::Packed), _) => FormRule::Fixed(EvaluationForm::Packed),
            (None, None | Some(PreferenceName::Latency)) => FormRule::Prefer(Preference::Latency),
            (None, Some(PreferenceName::Traffic)) => FormRule::Prefer(Preference::Traffic),
            (None, Some(PreferenceName::Throughput)) => FormRule::Prefer(Preference::Throughput),
        }
    }
}
