//! Texts and records of the choice between batched and packed evaluation.

use serde_json::{Value, json};
use sottovoce_bfv::planner::{EvaluationForm, FormCosts, RequestCost, TransferRate};
use sottovoce_evaluate::{FormPlan, FormRule};

use crate::output::{counted, to_value};

/// The form of evaluation that a request uses, with the rule and the costs that it was chosen by.
pub struct FormChoice {
    pub form: EvaluationForm,
    pub rule: FormRule,
    pub images: usize,
    /// The rate at which batches and answers are transferred.
    pub rate: TransferRate,
    /// The predicted costs of both forms, or the reason why only batched evaluation is possible.
    pub costs: Result<FormCosts, String>,
}

impl FormChoice {
    /// The choice that a plan for `images` images has made.
    pub fn of(plan: &FormPlan, rule: FormRule, images: usize, rate: TransferRate) -> Self {
        let costs = plan.costs().ok_or_else(|| plan.refusal());
        Self { form: plan.form, rule, images, rate, costs }
    }

    /// Sentences that say which form is used, why, and what the other form would cost.
    pub fn describe(&self) -> String {
        let images = counted(self.images, "image", "images");
        let form = self.form.name();
        let costs = match &self.costs {
            Ok(costs) => costs,
            Err(_) if self.rule == FormRule::Fixed(EvaluationForm::Batched) => {
                return format!("{images} in batches, as --evaluation asks.");
            }
            Err(reason) => return format!("{images} in batches, not packed: {reason}."),
        };
        let other = self.form.other();
        let reason = match self.rule {
            FormRule::Fixed(_) => "as --evaluation asks".to_owned(),
            FormRule::Prefer(preference) => format!("which is better for {}", preference.name()),
        };
        let cost = |cost: &RequestCost| {
            format!(
                "{} s, {:.1} MB, {} ms of the provider for an image in full batches",
                significant(cost.latency_seconds(self.rate)),
                cost.traffic_bytes() as f64 / 1e6,
                significant(1e3 * cost.full_batch_seconds_per_image),
            )
        };
        format!(
            "{images} by {form} evaluation, {reason}. Predicted{}: {form} {}; {} {}.",
            self.transfer(),
            cost(costs.of(self.form)),
            other.name(),
            cost(costs.of(other)),
        )
    }

    /// The part of a sentence that says how transfers count.
    fn transfer(&self) -> String {
        match self.rate.megabits() {
            megabits if megabits.is_finite() => format!(" with transfers at {megabits:.0} Mbit/s"),
            _ => String::new(),
        }
    }

    /// The choice as JSON.
    pub fn record(&self) -> Value {
        let (prefer, fixed) = match self.rule {
            FormRule::Prefer(preference) => (Some(preference), false),
            FormRule::Fixed(_) => (None, true),
        };
        json!({
            "form": self.form,
            "prefer": prefer,
            "fixed": fixed,
            "megabits_per_second": Some(self.rate.megabits()).filter(|megabits| megabits.is_finite()),
            "predicted": to_value(&self.costs.as_ref().ok()),
            "packed_refused": self.costs.as_ref().err(),
        })
    }
}

/// A positive number with about three digits.
pub fn significant(number: f64) -> String {
    match number {
        _ if number >= 100.0 => format!("{number:.0}"),
        _ if number >= 10.0 => format!("{number:.1}"),
        _ if number >= 0.1 => format!("{number:.2}"),
        _ => format!("{number:.4}"),
    }
}
