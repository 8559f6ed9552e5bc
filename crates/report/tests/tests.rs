//! Properties of charts and tables that a reader relies on.

// Test code in the eyes of clippy as well, helper functions included.
#[cfg(test)]
mod suite {
    mod compare;
    mod contact_sheet;
    mod figures;
    mod full_run;
    mod latency;
    mod page;
    mod records;
    mod report;
    mod sample_sweep;
    mod sweep;
    mod tables;
    mod verdicts;
}
