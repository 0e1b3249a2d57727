//! One table entry for each CI provider: how it is recognised and what it tells.
//!
//! Every value is text that others can influence: it is cut to 200 characters and holds no control character.

use super::{Environment, Run};

/// One CI provider.
#[derive(Debug)]
pub struct Provider {
    /// The word records use.
    pub name: &'static str,
    /// The variable that is present on it, and the value it must have unless empty.
    pub detect: (&'static str, &'static str),
    /// Variables for each part of the lineage, first that is present wins.
    pub repo_host: &'static [&'static str],
    /// Immutable id of the repository.
    pub repo_id: &'static [&'static str],
    /// `owner/name`.
    pub repo_name: &'static [&'static str],
    /// What the pipeline is derived from.
    pub workflow: &'static [&'static str],
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
    /// Number of the request.
    pub request: &'static [&'static str],
    /// Commit id of the base, where the provider tells it in a variable.
    pub base: &'static [&'static str],
    /// The repository's own branch.
    pub default_branch: &'static [&'static str],
    /// `true` where the ref of the run is protected.
    pub is_protected: &'static [&'static str],
}

/// Every provider, in the order they are looked for; the first that is recognised counts.
pub const PROVIDERS: [Provider; 2] = [
    Provider {
        name: "github",
        detect: ("GITHUB_ACTIONS", "true"),
        repo_host: &["GITHUB_SERVER_URL"],
        repo_id: &["GITHUB_REPOSITORY_ID"],
        repo_name: &["GITHUB_REPOSITORY"],
        workflow: &["GITHUB_WORKFLOW_REF", "GITHUB_WORKFLOW"],
        run_id: &["GITHUB_RUN_ID"],
        attempt: &["GITHUB_RUN_ATTEMPT"],
        job: &["GITHUB_JOB"],
        trigger: &["GITHUB_EVENT_NAME"],
        actor_id: &["GITHUB_ACTOR_ID"],
        actor: &["GITHUB_TRIGGERING_ACTOR", "GITHUB_ACTOR"],
        commit: &["GITHUB_SHA"],
        reference: &["GITHUB_REF"],
        request: &[],
        base: &[],
        default_branch: &[],
        is_protected: &["GITHUB_REF_PROTECTED"],
    },
    Provider {
        name: "gitlab",
        detect: ("GITLAB_CI", "true"),
        repo_host: &["CI_SERVER_URL"],
        repo_id: &["CI_PROJECT_ID"],
        repo_name: &["CI_PROJECT_PATH"],
        workflow: &["CI_JOB_NAME"],
        // A job that is started again has a new id and no number of its attempt.
        run_id: &["CI_JOB_ID", "CI_PIPELINE_ID"],
        attempt: &[],
        job: &["CI_JOB_NAME"],
        trigger: &["CI_PIPELINE_SOURCE"],
        actor_id: &["GITLAB_USER_ID"],
        actor: &["GITLAB_USER_LOGIN"],
        commit: &["CI_COMMIT_SHA"],
        reference: &["CI_COMMIT_REF_NAME"],
        request: &["CI_MERGE_REQUEST_IID"],
        base: &["CI_MERGE_REQUEST_DIFF_BASE_SHA"],
        default_branch: &["CI_DEFAULT_BRANCH"],
        is_protected: &["CI_COMMIT_REF_PROTECTED"],
    },
];

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
    /// What the provider tells about this run.
    pub fn run(&self, environment: &Environment) -> Run {
        let tell = |names: &[&str]| {
            names.iter().find_map(|name| environment.get(name)).map(tame).unwrap_or_default()
        };
        let name = tell(self.repo_name);
        let login = tell(self.actor);
        let reference = tell(self.reference);
        let own = reference.strip_prefix("refs/heads/").unwrap_or(&reference).to_owned();
        let own = Some(own).filter(|own| tell(self.is_protected) == "true" && !own.starts_with("refs/"));
        let protected = std::iter::once(tell(self.default_branch)).chain(own).filter(|name| !name.is_empty());
        Run {
            provider: self.name.to_owned(),
            repo_host: host(&tell(self.repo_host)),
            repo_id: Some(tell(self.repo_id)).filter(|id| !id.is_empty()).unwrap_or_else(|| name.clone()),
            pipeline: pipeline_name(&name, &tell(self.workflow), &tell(self.job)),
            repo_name: name,
            product: String::new(),
            run_id: tell(self.run_id),
            attempt: tell(self.attempt).parse().unwrap_or(1),
            job: tell(self.job),
            trigger: tell(self.trigger),
            actor_id: tell(self.actor_id),
            actor_class: if login.ends_with("[bot]") { "bot" } else { "human" }.to_owned(),
            actor_login: login,
            commit: tell(self.commit),
            reference,
            protected: protected.collect(),
            request: tell(self.request),
            request_author: String::new(),
            base: tell(self.base),
            before: String::new(),
            fork: false,
        }
    }
}

/// `owner/repo` with the file of the workflow, `deploy.yml`, or the job where there is none.
fn pipeline_name(repository: &str, workflow: &str, job: &str) -> String {
    let path = workflow.split('@').next().unwrap_or_default();
    let file = path.rsplit('/').next().filter(|file| !file.is_empty()).unwrap_or(job);
    let file = file.trim_end_matches(".yml").trim_end_matches(".yaml");
    [repository, file].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("/")
}

fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default().to_owned()
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
            (&[("CI", "1"), ("JENKINS_URL", "https://ci.example")], Some("CI")),
            (&[("TF_BUILD", "True"), ("CI", "")], Some("TF_BUILD")),
            (&[("GITHUB_ACTIONS", "false"), ("CI", "true")], Some("CI")),
            (&[("GITHUB_ACTIONS", "true"), ("CI", "true")], None),
            (&[("CI", "false"), ("CIRCLECI", "0")], None),
            (&[("USER", "kim")], None),
        ] {
            assert_eq!(unknown(&environment(pairs)), sign, "{pairs:?}");
        }
    }

    #[test]
    fn a_value_cannot_bring_a_control_character() {
        assert_eq!(tame("a\n::error::b"), "a::error::b");
        assert_eq!(tame(&"x".repeat(999)).len(), 200);
    }
}
