//! Framework ids, checked. A mapping means "a finding is evidence about this control", never
//! "compliant with".
//!
//! Titles and editions were read from the publishers in November 2026; the edition is part of each id.

/// Every id a rule may cite: the prefix with its edition, then what may follow it.
const FRAMEWORKS: [(&str, &[&str]); 15] = [
    ("owasp-nhi:2025/", &["NHI1", "NHI2", "NHI3", "NHI4", "NHI5", "NHI6", "NHI7", "NHI8", "NHI9", "NHI10"]),
    (
        "owasp-asi:2026/",
        &["ASI01", "ASI02", "ASI03", "ASI04", "ASI05", "ASI06", "ASI07", "ASI08", "ASI09", "ASI10"],
    ),
    (
        "owasp-agentic:1.1/",
        &[
            "T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8", "T9", "T10", "T11", "T12", "T13", "T14", "T15",
            "T16", "T17",
        ],
    ),
    (
        "owasp-mcp:2025/",
        &["MCP01", "MCP02", "MCP03", "MCP04", "MCP05", "MCP06", "MCP07", "MCP08", "MCP09", "MCP10"],
    ),
    (
        "owasp-cicd:2022/",
        &[
            "CICD-SEC-1",
            "CICD-SEC-2",
            "CICD-SEC-3",
            "CICD-SEC-4",
            "CICD-SEC-5",
            "CICD-SEC-6",
            "CICD-SEC-7",
            "CICD-SEC-8",
            "CICD-SEC-9",
            "CICD-SEC-10",
        ],
    ),
    (
        "csf:2.0/",
        &[
            "GV.PO-01", "GV.PO-02", "GV.RR-02", "GV.OV-03", "GV.SC-07", "ID.AM-02", "ID.AM-08", "ID.RA-01",
            "ID.RA-05", "ID.RA-06", "ID.RA-07", "ID.IM-01", "ID.IM-02", "ID.IM-03", "ID.IM-04", "PR.AA-01",
            "PR.AA-02", "PR.AA-03", "PR.AA-04", "PR.AA-05", "PR.DS-01", "PR.IR-01", "PR.PS-01", "PR.PS-04",
            "PR.PS-06", "DE.CM-03", "DE.CM-06", "DE.CM-09", "RS.AN-06", "RS.AN-07", "RS.MI-01",
        ],
    ),
    (
        "ai-rmf:1.0/",
        &[
            "GOVERN-1.2",
            "GOVERN-1.3",
            "GOVERN-1.4",
            "GOVERN-1.5",
            "GOVERN-1.6",
            "GOVERN-1.7",
            "GOVERN-2.1",
            "GOVERN-3.2",
            "GOVERN-6.1",
            "MAP-2.1",
            "MAP-3.3",
            "MAP-3.5",
            "MAP-4.1",
            "MAP-4.2",
            "MAP-5.1",
            "MEASURE-1.1",
            "MEASURE-1.2",
            "MEASURE-2.4",
            "MEASURE-2.7",
            "MEASURE-2.8",
            "MEASURE-3.1",
            "MANAGE-1.1",
            "MANAGE-1.3",
            "MANAGE-1.4",
            "MANAGE-2.3",
            "MANAGE-2.4",
            "MANAGE-4.1",
            "MANAGE-4.3",
        ],
    ),
    // Only four of the seven tenets leave evidence before a deployment.
    ("sp800-207/", &["tenet-3", "tenet-4", "tenet-6", "tenet-7"]),
    (
        "sp800-53:5/",
        &[
            "AC-2", "AC-2(3)", "AC-3", "AC-5", "AC-6", "AC-6(1)", "AC-6(5)", "AC-6(7)", "AC-6(9)", "AC-12",
            "AU-2", "AU-3", "AU-6", "AU-9", "AU-9(3)", "AU-10", "AU-11", "AU-12", "CA-5", "CA-7", "CM-3",
            "CM-3(2)", "CM-4", "CM-5", "CM-6", "CM-7", "CM-8", "CM-14", "IA-3", "IA-4", "IA-5", "IA-5(6)",
            "IA-5(7)", "IA-9", "RA-3", "RA-5", "RA-7", "SA-10", "SA-11", "SC-12", "SC-28", "SI-7",
        ],
    ),
    ("maestro:1/", &["L1", "L2", "L3", "L4", "L5", "L6", "L7"]),
    ("cis:8.1/", &["5.1", "5.4", "5.5", "6.1", "6.2", "6.8", "8.5", "16.1", "16.8", "16.12"]),
    ("soc2:2017/", &["CC4.1", "CC6.1", "CC6.2", "CC6.3", "CC6.8", "CC7.1", "CC7.2", "CC8.1"]),
    ("pci-dss:4.0.1/", &["6.2.3.1", "7.2.5", "7.2.5.1", "8.6.1", "8.6.2", "8.6.3"]),
    (
        "iso27001:2022/",
        &[
            "5.3", "5.15", "5.16", "5.17", "5.18", "8.2", "8.4", "8.9", "8.15", "8.25", "8.28", "8.29",
            "8.31", "8.32",
        ],
    ),
    ("iso42001:2023/", &["A.3.2", "A.6.2.5", "A.6.2.6", "A.6.2.8", "A.9.2"]),
];

/// Ids of an edition that was withdrawn, with what took their place.
const WITHDRAWN: [(&str, &str); 5] = [
    ("csf:1.1/PR.AC-1", "csf:2.0/PR.AA-01"),
    ("csf:1.1/PR.AC-3", "csf:2.0/PR.AA-03"),
    ("csf:1.1/PR.AC-4", "csf:2.0/PR.AA-05"),
    ("csf:1.1/PR.AC-6", "csf:2.0/PR.AA-02"),
    ("csf:1.1/PR.AC-7", "csf:2.0/PR.AA-03"),
];

/// Whether a rule may cite `id`, withdrawn ones included.
pub fn known(id: &str) -> bool {
    replaced_by(id).is_some()
        || FRAMEWORKS.iter().any(|(prefix, controls)| {
            id.strip_prefix(prefix).is_some_and(|control| controls.contains(&control))
        })
}

/// What took the place of a withdrawn `id`: a warning at load, never an error.
pub fn replaced_by(id: &str) -> Option<&'static str> {
    WITHDRAWN.iter().find(|(old, _)| *old == id).map(|(_, new)| *new)
}

/// Every id a rule may cite, in the order of the frameworks.
pub fn all() -> impl Iterator<Item = String> {
    FRAMEWORKS
        .iter()
        .flat_map(|(prefix, controls)| controls.iter().map(move |control| format!("{prefix}{control}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_known_only_in_full_and_with_its_edition() {
        for id in [
            "owasp-nhi:2025/NHI7",
            "owasp-asi:2026/ASI02",
            "owasp-agentic:1.1/T2",
            "owasp-mcp:2025/MCP01",
            "owasp-cicd:2022/CICD-SEC-6",
            "csf:2.0/PR.AA-05",
            "ai-rmf:1.0/GOVERN-1.6",
            "sp800-207/tenet-3",
            "sp800-53:5/AC-6(5)",
            "maestro:1/L6",
            "cis:8.1/5.5",
            "soc2:2017/CC6.3",
            "pci-dss:4.0.1/8.6.2",
            "iso27001:2022/5.17",
            "iso42001:2023/A.6.2.8",
        ] {
            assert!(known(id), "{id}");
        }
        for id in
            ["", "NHI7", "owasp-nhi:2025/NHI11", "owasp-nhi:2025/NHI7 ", "csf:2.0/PR.AC-4", "maestro:2/L6"]
        {
            assert!(!known(id), "{id}");
        }
    }

    #[test]
    fn a_withdrawn_id_names_what_took_its_place() {
        assert_eq!(replaced_by("csf:1.1/PR.AC-4"), Some("csf:2.0/PR.AA-05"));
        assert_eq!(replaced_by("csf:2.0/PR.AA-05"), None);
        assert!(WITHDRAWN.iter().all(|(old, new)| known(old) && known(new)));
    }

    #[test]
    fn no_id_stands_twice() {
        let mut ids: Vec<String> = all().collect();
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }
}
