//! `rules sign`: sign what the gate will believe, so that it comes into force once it is merged.

use std::path::PathBuf;

use tollgate::signing::Signature;
use tollgate::trust::activation::NAMESPACE_POLICY;
use tollgate::trust::{FOLDER, TrustRoot};

use crate::cli::context::{Context, write_file};
use crate::cli::exit::Exit;
use crate::cli::pen::Pen;
use crate::cli::site::Site;
use crate::cli::trouble::Trouble;
use crate::cli::trusted;

/// With what to sign.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  tollgate rules sign --key ~/.ssh/id_ed25519
  tollgate rules sign --text > text && ssh-keygen -Y sign -n policy@tollgate -f KEY text && cat text.sig >> .tollgate/policy.sig")]
pub struct Arguments {
    /// OpenSSH private key; a key of the running agent that the signers file lists when left out.
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    key: Option<PathBuf>,
    /// Print what is signed, and sign nothing.
    #[arg(long)]
    text: bool,
}

/// Adds a signature over the policy, rules, signers and revocations of the work tree.
pub fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Trouble> {
    let site = Site::find(&context.folder, context)?;
    let root = trusted::of_work_tree(&site)?;
    if arguments.text {
        context.print(&root.signed_text())?;
        return Ok(Exit::Open);
    }
    let mut pen = Pen::find(arguments.key.as_deref(), &[NAMESPACE_POLICY], &site, context)?;
    let mut text: String = still_good(&root).collect();
    text.push_str(&pen.sign(root.signed_text().as_bytes())?.armour());
    let path = format!("{FOLDER}/policy.sig");
    write_file(&site.root.join(&path), text.as_bytes())?;
    context.print(&format!("{path}\n  {} signed by {}\n", root.digest, pen.key().fingerprint()))?;
    if let Err(refusal) = pen.signer(&site, context) {
        context.note(&format!("note: as things stand this signature does not count: {}", refusal.message()));
    }
    Ok(Exit::Open)
}

/// The signatures that are over this very root; those over an earlier one are of no use any more.
fn still_good(root: &TrustRoot) -> impl Iterator<Item = &str> {
    root.armours().filter(|armour| {
        Signature::parse(armour.as_bytes())
            .is_ok_and(|signature| signature.verify(NAMESPACE_POLICY, root.signed_text().as_bytes()).is_ok())
    })
}
