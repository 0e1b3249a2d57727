//! CI providers: how each is recognised and what it tells. An entry in the table and a sample in `tests/providers` are
//! all that a new one takes.
//!
//! Every value is text that others can influence: it is cut to 200 characters and holds no control character. A commit
//! is a whole id or nothing, a request a number or nothing.

/// One entry for each provider.
mod table;

use super::{Environment, Run};

pub use table::PROVIDERS;

/// One CI provider.
#[derive(Debug)]
pub struct Provider {
    /// The word records use.
    pub name: &'static str,
    /// The variable that is present on it, and the value it must have unless empty.
    pub detect: (&'static str, &'static str),
    /// Variables for each part of the lineage, first that is present wins. This one: an address of the repository.
    pub repo_host: &'static [&'static str],
    /// Immutable id of the repository.
    pub repo_id: &'static [&'static str],
    /// `owner/name`, or an address that ends with it.
    pub repo_name: &'static [&'static str],
    /// What the pipeline is derived from, and the character that ends its name.
    pub workflow: (&'static [&'static str], char),
    /// Unique id of the run.
    pub run_id: &'static [&'static str],
    /// Attempt, from 1.
    pub attempt: &'static [&'static str],
    /// Job within the run.
    pub job: &'static [&'static str],
    /// What started the run.
    pub trigger: &'static [&'static str],
    /// Immutable id of the actor.
    pub actor_id: &'static [&'static str],
    /// Login of the actor.
    pub actor: &'static [&'static str],
    /// Commit under judgement.
    pub commit: &'static [&'static str],
    /// The ref.
    pub reference: &'static [&'static str],
    /// Number of the request, or an address that ends with it.
    pub request: &'static [&'static str],
    /// Branch the request is meant for.
    pub target: &'static [&'static str],
    /// What tells a request of a fork.
    pub fork: Fork,
    /// Commit id of the base, where the provider tells it in a variable.
    pub base: &'static [&'static str],
    /// The repository's own branch.
    pub default_branch: &'static [&'static str],
    /// `true` where the ref of the run is protected.
    pub is_protected: &'static [&'static str],
}

/// What tells a request of a fork.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fork {
    /// Nothing does, or the event file.
    Untold,
    /// A variable that is there, and not `false`, for forks alone.
    Said(&'static str),
    /// Two variables that differ for forks.
    Apart(&'static str, &'static str),
}

/// The provider this environment belongs to; `None` on a person's machine.
pub fn recognise(environment: &Environment) -> Option<&'static Provider> {
    PROVIDERS.iter().find(|provider| {
        let (name, value) = provider.detect;
        environment.get(name).is_some_and(|found| value.is_empty() || found == value)
    })
}

/// Variables that CI services set, whichever service it is.
const SIGNS: [&str; 11] = [
    "CI",
    "JENKINS_URL",
    "TF_BUILD",
    "CIRCLECI",
    "BUILDKITE",
    "BITBUCKET_COMMIT",
    "TEAMCITY_VERSION",
    "CODEBUILD_BUILD_ID",
    "DRONE",
    "TRAVIS",
    "APPVEYOR",
];

/// The variable that tells of CI where [`recognise`] knows no provider; `None` on a person's machine.
pub fn unknown(environment: &Environment) -> Option<&'static str> {
    let is_set = |name: &&&str| {
        let value = environment.get(name).unwrap_or("0");
        !value.eq_ignore_ascii_case("false") && value != "0"
    };
    SIGNS.iter().find(is_set).copied().filter(|_| recognise(environment).is_none())
}

impl Provider {
    /// What the provider tells about this run; what it does not tell is empty.
    pub fn run(&self, environment: &Environment) -> Run {
        let tell = |names: &[&str]| tell(names, environment);
        let name = repository(&tell(self.repo_name));
        let login = tell(self.actor);
        let reference = tell(self.reference);
        let own = branch(&reference);
        let own = Some(own).filter(|own| tell(self.is_protected) == "true" && !own.starts_with("refs/"));
        let protected = std::iter::once(tell(self.default_branch)).chain(own).filter(|name| !name.is_empty());
        let (workflow, end) = self.workflow;
        let workflow = tell(workflow);
        // Jenkins has a job for each branch, called as the branch below the one that is meant.
        let per_branch = format!("/{}", reference.replace('/', "%2F"));
        let workflow = workflow.strip_suffix(&per_branch).unwrap_or(&workflow);
        let workflow = workflow.split(end).next().unwrap_or_default();
        Run {
            provider: self.name.to_owned(),
            repo_host: host(&tell(self.repo_host)),
            repo_id: Some(tell(self.repo_id)).filter(|id| !id.is_empty()).unwrap_or_else(|| name.clone()),
            pipeline: pipeline_name(&name, workflow, &tell(self.job)),
            repo_name: name,
            product: String::new(),
            run_id: tell(self.run_id),
            attempt: tell(self.attempt).parse().unwrap_or(1),
            job: tell(self.job),
            trigger: tell(self.trigger),
            actor_id: tell(self.actor_id),
            actor_class: if login.ends_with("[bot]") { "bot" } else { "human" }.to_owned(),
            actor_login: login,
            commit: commit(tell(self.commit)),
            reference,
            protected: protected.collect(),
            request: number(&tell(self.request)),
            request_author: String::new(),
            base: tell(self.base),
            before: String::new(),
            fork: self.is_fork(environment),
        }
    }

    /// The branch a request is meant for, without `refs/heads/`; `None` where there is none or it is not told.
    pub fn target(&self, environment: &Environment) -> Option<String> {
        Some(branch(&tell(self.target, environment))).filter(|name| !name.is_empty())
    }

    fn is_fork(&self, environment: &Environment) -> bool {
        match self.fork {
            Fork::Untold => false,
            Fork::Said(name) => environment.get(name).is_some_and(|it| !it.eq_ignore_ascii_case("false")),
            Fork::Apart(here, there) => {
                environment.get(here).zip(environment.get(there)).is_some_and(|(here, there)| here != there)
            }
        }
    }
}

/// The value of the first of `names` that is present.
fn tell(names: &[&str], environment: &Environment) -> String {
    names.iter().find_map(|name| environment.get(name)).map(tame).unwrap_or_default()
}

/// `owner/repo` with the file of the workflow, `deploy.yml`, or the job where there is none.
fn pipeline_name(repository: &str, workflow: &str, job: &str) -> String {
    let file = workflow.rsplit('/').next().filter(|file| !file.is_empty()).unwrap_or(job);
    let file = file.trim_end_matches(".yml").trim_end_matches(".yaml");
    [repository, file].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("/")
}

fn branch(reference: &str) -> String {
    reference.strip_prefix("refs/heads/").unwrap_or(reference).to_owned()
}

/// Some services write a branch or `HEAD` where a commit is meant.
fn commit(text: String) -> String {
    let whole = matches!(text.len(), 40 | 64) && text.chars().all(|letter| letter.is_ascii_hexdigit());
    if whole { text } else { String::new() }
}

/// `7` of `7`, `pr/7` and `https://forge.example/acme/pay/pull/7`; nothing of `false` and of `branch/7`.
fn number(text: &str) -> String {
    let (before, last) = text.rsplit_once('/').unwrap_or(("", text));
    let of_request = ["", "pr", "pull", "pulls", "pull-requests", "merge_requests"]
        .contains(&before.rsplit('/').next().unwrap_or_default());
    let digits = !last.is_empty() && last.chars().all(|letter| letter.is_ascii_digit());
    if of_request && digits { last.to_owned() } else { String::new() }
}

/// `acme/pay` of itself, of `https://forge.example/acme/pay.git` and of `git@forge.example:acme/pay.git`.
fn repository(text: &str) -> String {
    let path = match (text.split_once("://"), text.split_once('@')) {
        (Some((_, rest)), _) => rest.split_once('/').map_or("", |(_, path)| path),
        (None, Some((_, rest))) => rest.split_once(':').map_or("", |(_, path)| path),
        (None, None) => text,
    };
    path.trim_matches('/').trim_end_matches(".git").to_owned()
}

fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or_default();
    // `git@forge.example:acme/pay.git` has no scheme, and its colon begins no port.
    let host = if url.contains("://") { host } else { host.split(':').next().unwrap_or_default() };
    host.to_owned()
}

fn tame(value: &str) -> String {
    value.chars().filter(|letter| !letter.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        Environment(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn github_tells_everything_without_a_flag() {
        let environment = environment(&[
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "acme/pay"),
            ("GITHUB_REPOSITORY_ID", "77"),
            ("GITHUB_WORKFLOW_REF", "acme/pay/.github/workflows/deploy.yml@refs/heads/main"),
            ("GITHUB_RUN_ID", "88"),
            ("GITHUB_RUN_ATTEMPT", "2"),
            ("GITHUB_JOB", "gate"),
            ("GITHUB_ACTOR", "dana"),
            ("GITHUB_TRIGGERING_ACTOR", "lee"),
        ]);
        let run = recognise(&environment).map(|provider| provider.run(&environment)).unwrap();
        assert_eq!(run.pipeline, "acme/pay/deploy");
        assert_eq!((run.repo_host.as_str(), run.run_id.as_str(), run.attempt), ("github.com", "88", 2));
        assert_eq!(run.actor_login, "lee", "whoever started this attempt is its actor");
    }

    #[test]
    fn gitlab_tells_the_base_of_a_merge_request() {
        let environment = environment(&[
            ("GITLAB_CI", "true"),
            ("CI_SERVER_URL", "https://user:token@gitlab.example"),
            ("CI_PROJECT_PATH", "acme/pay"),
            ("CI_JOB_NAME", "tollgate"),
            ("CI_MERGE_REQUEST_DIFF_BASE_SHA", "abc"),
            ("CI_MERGE_REQUEST_IID", "5"),
        ]);
        let run = recognise(&environment).map(|provider| provider.run(&environment)).unwrap();
        assert_eq!((run.base.as_str(), run.request.as_str()), ("abc", "5"));
        assert_eq!(run.repo_host, "gitlab.example", "a token in the address is left out");
        assert_eq!(run.pipeline, "acme/pay/tollgate");
    }

    #[test]
    fn a_job_that_is_started_again_is_another_run_and_a_protected_ref_is_known() {
        let told = [
            ("GITLAB_CI", "true"),
            ("CI_PIPELINE_ID", "9"),
            ("CI_JOB_ID", "11"),
            ("CI_DEFAULT_BRANCH", "main"),
            ("CI_COMMIT_REF_NAME", "release"),
        ];
        let run = |more: &[(&str, &str)]| {
            let environment = environment(&[&told, more].concat());
            recognise(&environment).map(|provider| provider.run(&environment)).unwrap()
        };
        assert_eq!((run(&[]).run_id.as_str(), run(&[]).protected), ("11", vec!["main".to_owned()]));
        assert_eq!(run(&[("CI_COMMIT_REF_PROTECTED", "true")]).protected, ["main", "release"]);
    }

    #[test]
    fn a_service_nobody_knows_is_ci_all_the_same() {
        for (pairs, sign) in [
            (&[("CI", "true")][..], Some("CI")),
            (&[("CI", "1"), ("APPVEYOR", "True")], Some("CI")),
            (&[("TRAVIS", "true"), ("CI", "")], Some("TRAVIS")),
            (&[("TF_BUILD", "True")], None),
            (&[("GITHUB_ACTIONS", "false"), ("CI", "true")], Some("CI")),
            (&[("GITHUB_ACTIONS", "true"), ("CI", "true")], None),
            (&[("CI", "false"), ("CIRCLECI", "0")], None),
            (&[("USER", "kim")], None),
        ] {
            assert_eq!(unknown(&environment(pairs)), sign, "{pairs:?}");
        }
    }

    #[test]
    fn addresses_and_names_of_requests_are_read_in_the_forms_services_write() {
        for (text, name, at) in [
            ("https://user:token@forge.example/acme/pay.git", "acme/pay", "forge.example"),
            ("git@forge.example:acme/pay.git", "acme/pay", "forge.example"),
            ("ssh://git@forge.example:2222/acme/pay", "acme/pay", "forge.example:2222"),
            ("acme/pay", "acme/pay", "acme"),
            ("", "", ""),
        ] {
            assert_eq!((repository(text).as_str(), host(text).as_str()), (name, at), "{text}");
        }
        for (text, digits) in [
            ("7", "7"),
            ("pr/7", "7"),
            ("https://forge.example/acme/pay/pull/7", "7"),
            ("false", ""),
            ("branch/7", ""),
            ("", ""),
        ] {
            assert_eq!(number(text), digits, "{text}");
        }
        assert_eq!(commit("HEAD".to_owned()), "");
    }

    #[test]
    fn a_value_cannot_bring_a_control_character() {
        assert_eq!(tame("a\n::error::b"), "a::error::b");
        assert_eq!(tame(&"x".repeat(999)).len(), 200);
    }
}
