//! Changes of the gate's own files, on the machine where they are made.

use crate::finding::{Enforcement, Family, Finding};
use crate::pipeline::Stage;

/// At `local` such a change is shown and held back by nobody: the work tree is what is believed there, so a hook that
/// stopped the commit would only teach people to bypass it, beginning with the commit that brings the gate in. The
/// request it goes into is judged by its base.
pub(super) fn shown_locally(stage: Stage, findings: &mut [Finding]) {
    let is_own = |finding: &Finding| {
        finding.location.path.starts_with(".tollgate/")
            && matches!(finding.family, Family::Privilege | Family::Agent)
    };
    if stage == Stage::Local {
        findings
            .iter_mut()
            .filter(|finding| is_own(finding))
            .for_each(|finding| finding.enforcement = Enforcement::Advise);
    }
}
