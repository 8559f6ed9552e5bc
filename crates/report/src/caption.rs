//! What a figure says in words: data set, counts, sources.

use crate::paper;
use crate::sweep::Sweep;
use crate::wording::{counted, thousands};

/// What a chart says of itself beyond its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caption {
    /// The title, such as `Figure 5. Test accuracy under encryption, regular split`.
    pub title: String,
    /// Name of the data set, such as `MNIST`.
    pub dataset: String,
    /// Whether the images are drawn by a program instead of people. The chart then says so in capitals.
    pub synthetic: bool,
}

impl Caption {
    /// What no reader may miss, if anything.
    pub(crate) fn warning(&self) -> Option<&'static str> {
        self.synthetic.then_some("SYNTHETIC DATA, drawn by a program.")
    }

    /// The data set, how much of it was classified, and whether encryption changed any answer.
    pub(crate) fn subtitle(&self, sweep: &Sweep) -> String {
        let (least, most) = sweep.images_per_setting;
        let per = if sweep.seeds > 1 { "setting and seed" } else { "setting" };
        let images = if least == most {
            counted(most, "test image", "test images")
        } else {
            format!("{} to {} test images", thousands(least), thousands(most))
        };
        let total = counted(sweep.images, "image", "images");
        let exact = match sweep.mismatches {
            Some(1) => "1 logit differs from the integer oracle".to_owned(),
            Some(count) => format!("{} logits differ from the integer oracle", thousands(count)),
            None => "not compared with the integer oracle".to_owned(),
        };
        format!("{}, {images} per {per}. {total} classified under encryption; {exact}.", self.dataset)
    }
}

/// Where the paper's values come from, how far they compare, and how this run's members were `trained`, if that is known.
pub(crate) fn footnote(split: &str, trained: Option<&str>) -> String {
    let figure = paper::figure(split).map_or_else(String::new, |number| format!(", Figure {number}"));
    let known = if split == "random" {
        "Its share ranges and random groups are not known: settings are matched by number, groups are ours."
    } else {
        "Its share ranges are not known, so settings are matched by number."
    };
    let trained = trained.map_or_else(String::new, |line| format!(" This run: {line}."));
    format!("Paper: Xiong, Nguyen, So and Chen (2020){figure}. {known}{trained}")
}
