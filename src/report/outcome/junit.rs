//! For the test panel of a CI service: JUnit XML as Jenkins' xUnit plugin accepts it.
//!
//! One suite for the verdict, one for each rule, one for gaps. A finding that blocks is a failed case, one that is let
//! through or only shown is a skipped case with the reason; a gap is an error where it keeps the gate shut.
//! The verdict's suite always has its case, since an empty file reads as "no tests ran".

use std::collections::BTreeMap;

use super::{headline, leave};
use crate::decide::{Action, Decision};
use crate::finding::Gap;
use crate::outcome::Outcome;
use crate::report::Options;
use crate::text::safe;

/// The report; see the top of this file.
pub fn render(outcome: &Outcome, options: &Options) -> String {
    let mut suites = vec![verdict(outcome)];
    let mut rules: BTreeMap<&str, Vec<&Decision>> = BTreeMap::new();
    for decision in &outcome.decisions {
        rules.entry(&decision.finding.rule.0).or_default().push(decision);
    }
    for (rule, decisions) in rules {
        let cases = decisions.into_iter().map(|decision| Case::finding(outcome, decision)).collect();
        suites.push(Suite { name: rule.to_owned(), cases, verdict: None });
    }
    if !outcome.gaps.is_empty() {
        let cases = outcome.gaps.iter().map(|gap| Case::gap(gap, outcome.gaps_block)).collect();
        suites.push(Suite { name: "gaps".to_owned(), cases, verdict: None });
    }
    let count = |of: fn(&Suite) -> usize| suites.iter().map(of).sum::<usize>();
    let name =
        if options.root.is_empty() { "tollgate".to_owned() } else { format!("tollgate {}", options.root) };
    let head = format!(
        "<testsuites name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\">",
        safe::xml(&name),
        count(|suite| suite.cases.len()),
        count(|suite| suite.with("failure")),
        count(|suite| suite.with("error")),
    );
    let body: String = suites.iter().map(Suite::write).collect();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{head}\n{body}</testsuites>\n")
}

struct Suite {
    name: String,
    cases: Vec<Case>,
    verdict: Option<&'static str>,
}

/// One case: passed, or with the element that says what became of it.
struct Case {
    name: String,
    class: String,
    result: Option<Result>,
}

struct Result {
    element: &'static str,
    message: String,
    lines: Vec<String>,
}

fn verdict(outcome: &Outcome) -> Suite {
    let shut = Result { element: "failure", message: "the gate stays shut".to_owned(), lines: Vec::new() };
    let result = (!outcome.verdict.opens()).then_some(shut);
    let case = Case { name: headline(outcome), class: "tollgate".to_owned(), result };
    Suite { name: "verdict".to_owned(), cases: vec![case], verdict: Some(outcome.verdict.word()) }
}

impl Case {
    fn finding(outcome: &Outcome, decision: &Decision) -> Self {
        let finding = &decision.finding;
        let place = &finding.location;
        let (element, message) = match (decision.action, &decision.permit) {
            (Action::Block, _) => ("failure", finding.title.clone()),
            (action, Some(permit)) => {
                ("skipped", format!("{}: exception {} {}", action.word(), permit.exception, leave(permit)))
            }
            (action, None) => ("skipped", format!("{}: {}", action.word(), finding.title)),
        };
        Self {
            name: format!("{}:{}:{} {}", place.path, place.start.line, place.start.column, finding.rule),
            class: format!("tollgate.{}", finding.rule),
            result: Some(Result { element, message, lines: explanation(outcome, decision) }),
        }
    }

    fn gap(gap: &Gap, blocks: bool) -> Self {
        let element = if blocks { "error" } else { "skipped" };
        let message = format!("not read in full: {}", gap.reason.word());
        Self {
            name: gap.path.clone(),
            class: "tollgate.gap".to_owned(),
            result: Some(Result { element, message, lines: vec![gap.detail.clone()] }),
        }
    }

    fn write(&self) -> String {
        let head =
            format!("<testcase name=\"{}\" classname=\"{}\"", safe::xml(&self.name), safe::xml(&self.class));
        let Some(result) = &self.result else { return format!("    {head}/>\n") };
        let Result { element, message, lines } = result;
        let lines: Vec<String> = lines.iter().map(|line| safe::xml(line)).collect();
        let (message, text) = (safe::xml(message), lines.join("\n"));
        format!("    {head}>\n      <{element} message=\"{message}\">{text}</{element}>\n    </testcase>\n")
    }
}

/// Lines that begin with words of ours.
fn explanation(outcome: &Outcome, decision: &Decision) -> Vec<String> {
    let finding = &decision.finding;
    let mut lines = vec![format!("what: {}", finding.title)];
    lines.extend(
        Some(&finding.detail).filter(|detail| !detail.is_empty()).map(|detail| format!("here: {detail}")),
    );
    lines.extend(decision.refused.iter().map(|refusal| format!("exception refused: {}", refusal.reason)));
    if let Some(rule) = outcome.rule(&finding.rule.0) {
        lines.extend([format!("why: {}", rule.why), format!("fix: {}", rule.fix)]);
    }
    lines.push(format!("finding: {}", finding.fingerprint));
    lines
}

impl Suite {
    fn with(&self, element: &str) -> usize {
        let results = self.cases.iter().filter_map(|case| case.result.as_ref());
        results.filter(|result| result.element == element).count()
    }

    fn write(&self) -> String {
        let properties = self.verdict.map_or_else(String::new, |word| {
            format!(
                "    <properties>\n      <property name=\"verdict\" value=\"{word}\"/>\n    </properties>\n"
            )
        });
        let cases: String = self.cases.iter().map(Case::write).collect();
        format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">\n{properties}{cases}  </testsuite>\n",
            safe::xml(&self.name),
            self.cases.len(),
            self.with("failure"),
            self.with("error"),
            self.with("skipped"),
        )
    }
}
