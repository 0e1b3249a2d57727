//! The ledger that steps in the life of exceptions are written to.

use tollgate::exception::document::Repo;
use tollgate::exception::{BaselineDocument, Document};
use tollgate::finding::Fingerprint;
use tollgate::ledger::{Key, Kind, Ledger, LedgerError, Lineage, Record};
use tollgate::pipeline::{Run, Stage};

use crate::cli::context::Context;
use crate::cli::ledger::{Which, writable};
use crate::cli::pen::Pen;
use crate::cli::site::Site;
use crate::cli::trouble::Trouble;

/// What a step is about: an exception, or the baseline.
pub struct Subject<'d> {
    id: &'d str,
    ledger: &'d str,
    repo: &'d Repo,
    pipeline: Option<&'d str>,
    findings: Vec<Fingerprint>,
}

impl<'d> From<&'d Document> for Subject<'d> {
    fn from(document: &'d Document) -> Self {
        Self {
            id: document.id.as_str(),
            ledger: &document.ledger,
            repo: &document.repo,
            pipeline: document.scope.pipelines.first().map(String::as_str),
            findings: document.findings.iter().map(|named| named.fp).collect(),
        }
    }
}

impl<'d> From<&'d BaselineDocument> for Subject<'d> {
    /// What it names stands in the records that took it in: there may be thousands.
    fn from(document: &'d BaselineDocument) -> Self {
        let id = document.id.as_str();
        Self { id, ledger: &document.ledger, repo: &document.repo, pipeline: None, findings: Vec::new() }
    }
}

/// An open ledger.
pub struct Book {
    pub ledger: Ledger,
    run: Run,
}

impl Book {
    /// The ledger of `which`, which must be there.
    pub fn existing(which: &Which, site: &Site, context: &Context) -> Result<Self, Trouble> {
        Self::guarded(which.existing(context)?, site, context)
    }

    /// The ledger of `which`; where there is none yet, a new one under the name that `document` asks for.
    pub fn for_document(
        document: &Document,
        which: &Which,
        site: &Site,
        context: &Context,
    ) -> Result<Self, Trouble> {
        let policies = site.local_policies()?;
        let url = site.ledger_url(which.ledger.as_deref(), &policies, context).ok_or_else(|| {
            Trouble::new("no ledger is configured")
                .help("name one with `--ledger URL`, or as `ledger:` in the policy")
        })?;
        let place = site.ledger_place(&url);
        let ledger = match Ledger::open_existing(&place) {
            Err(LedgerError::Absent(_)) => {
                let year: String = context.now.to_string().chars().take(4).collect();
                Ledger::open(&place, &format!("{}/{year}", document.ledger))?
            }
            opened => opened?,
        };
        Self::guarded(ledger, site, context)
    }

    /// `ledger`, unless it was set back or the key that seals it is at hand here.
    fn guarded(ledger: Ledger, site: &Site, context: &Context) -> Result<Self, Trouble> {
        writable(&ledger, context)?;
        Ok(Self { ledger, run: site.run.clone() })
    }

    /// Every record about the exception `id`, in order.
    pub fn about(&mut self, id: &str) -> Result<Vec<Record>, Trouble> {
        Ok(self.ledger.about(Key::exception(id))?.into_iter().map(|(_, record)| record).collect())
    }

    /// What every record about the ledger as a whole begins with.
    pub fn lineage(&self) -> Lineage {
        Lineage::new(self.ledger.origin(), env!("CARGO_PKG_VERSION"), &self.run, Stage::Local)
    }

    /// A step of `document`: `by` whom and why. It stands under the repository and pipeline the document names,
    /// wherever it is written.
    pub fn step(
        &self,
        kind: Kind,
        document: &Subject<'_>,
        by: &str,
        reason: &str,
        context: &Context,
    ) -> Result<Record, Trouble> {
        let origin = self.ledger.origin();
        if origin.strip_prefix(document.ledger).is_none_or(|year| !year.starts_with('/')) {
            return Err(Trouble::new(format!(
                "the exception is for the ledger `{}`, and this one is `{origin}`",
                document.ledger
            ))
            .help("name its own with `--ledger URL`"));
        }
        let mut run = self.run.clone();
        run.repo_host.clone_from(&document.repo.host);
        run.repo_id.clone_from(&document.repo.id);
        run.repo_name.clone_from(&document.repo.name);
        if let Some(pipeline) = document.pipeline {
            pipeline.clone_into(&mut run.pipeline);
        }
        let lineage = Lineage::new(origin, env!("CARGO_PKG_VERSION"), &run, Stage::Local);
        Ok(lineage.exception_event(kind, context.now, document.id, &document.findings, by, reason))
    }

    /// Signs `record` with `pen` where there is one, adds it, and returns its index.
    pub fn append(&mut self, mut record: Record, pen: Option<&mut Pen>) -> Result<u64, Trouble> {
        if let Some(pen) = pen {
            pen.sign_record(&mut record)?;
        }
        let receipts = self.ledger.append(&[record])?;
        Ok(receipts.first().map_or(0, |receipt| receipt.index))
    }
}
