//! For the next step or job: the numbers of all pipelines together as variables; empty where there is no rate.

use crate::escape::Report;

/// Renders `report`, a variable a line.
pub fn render(report: &Report) -> String {
    let rate = &report.all.rate;
    let share = rate.rate.map_or_else(String::new, |share| format!("{:.4}", share.0));
    let counts = format!("TOLLGATE_ESCAPED={}\nTOLLGATE_DECIDED={}\n", rate.escaped, rate.decided);
    format!("TOLLGATE_ESCAPE_RATE={share}\n{counts}TOLLGATE_PENDING={}\n", rate.pending)
}
