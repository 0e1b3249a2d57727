//! What actions and resources of a policy mean.

use super::symbol::names_oneself;
use crate::identity::{Authority, Scope, wildcard};

/// What an action such as `s3:GetObject` or `ec2:*` does, by the verb its name begins with.
///
/// Source: AWS, "Service Authorization Reference", column "Access level"; the verbs are those of its levels List and
/// Read, read 2026-11-21.
pub(super) fn authority(action: &str) -> Authority {
    const READS: [&str; 10] =
        ["Get", "List", "Describe", "Head", "BatchGet", "Lookup", "Search", "View", "Simulate", "Select"];
    let verb = action.split_once(':').map_or(action, |(_, verb)| verb);
    let begins =
        |start: &&str| verb.get(..start.len()).is_some_and(|first| first.eq_ignore_ascii_case(start));
    match () {
        () if READS.iter().any(begins) => Authority::Inspect,
        () if action.eq_ignore_ascii_case("cloudformation:CreateChangeSet") => Authority::Recommend,
        () => Authority::Execute,
    }
}

/// How much of an account a resource of a policy covers.
pub(super) fn reach(resource: &str) -> Scope {
    if wildcard::covers_resource(resource, "*") {
        return Scope::Cluster;
    }
    let (service, name) =
        wildcard::arn_parts(resource).map_or(("", resource), |(service, _, name)| (service, name));
    let Some((before, _)) =
        plain(name).split_once(['*', '?']).map(|(before, rest)| (before.to_owned(), rest.to_owned()))
    else {
        return Scope::Resource;
    };
    // `role/*` and `function:*` are all there are of a kind; names of buckets have no kind in front.
    let kind = before.trim_end_matches(['/', ':']);
    let whole = before.is_empty()
        || (service != "s3" && before.len() == kind.len() + 1 && !kind.contains(['/', ':', '$']));
    match () {
        () if names_oneself(resource) => Scope::Resource,
        () if whole => Scope::Cluster,
        () => Scope::Namespace,
    }
}

/// A name with its variables as plain letters: what they stand for is not known, and is not everything.
fn plain(name: &str) -> String {
    let mut out = String::new();
    let mut rest = name;
    while let Some((before, inner)) = rest.split_once("${") {
        out.push_str(before);
        out.push('$');
        rest = inner.split_once('}').map_or("", |(_, behind)| behind);
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_does_what_its_verb_says() {
        for (action, expected) in [
            ("s3:GetObject", Authority::Inspect),
            ("S3:get*", Authority::Inspect),
            ("ec2:DescribeInstances", Authority::Inspect),
            ("cloudformation:CreateChangeSet", Authority::Recommend),
            ("iam:PassRole", Authority::Execute),
            ("s3:*", Authority::Execute),
            ("s3:G*", Authority::Execute),
            ("*", Authority::Execute),
        ] {
            assert_eq!(authority(action), expected, "{action}");
        }
    }

    #[test]
    fn a_resource_reaches_as_far_as_its_first_wildcard() {
        for (resource, expected) in [
            ("*", Scope::Cluster),
            ("arn:aws:s3:::*", Scope::Cluster),
            ("arn:aws:s3:::*/*", Scope::Cluster),
            ("arn:aws:s3:::logs/*", Scope::Namespace),
            ("arn:aws:s3:::logs", Scope::Resource),
            ("arn:aws:s3:::${Bucket}/*", Scope::Namespace),
            ("arn:aws:iam::111122223333:role/*", Scope::Cluster),
            ("arn:aws:iam::111122223333:role/app-*", Scope::Namespace),
            ("arn:aws:iam::111122223333:role/ci/*", Scope::Namespace),
            ("arn:aws:iam::*:role/deployer", Scope::Resource),
            ("arn:aws:iam::*:user/${aws:username}", Scope::Resource),
            ("arn:aws:dynamodb:*:*:table/*", Scope::Cluster),
            ("arn:aws:dynamodb:${AWS::Region}:${AWS::AccountId}:table/orders/index/*", Scope::Namespace),
            ("arn:aws:lambda:*:*:function:*", Scope::Cluster),
            ("arn:aws:sns:eu-west-1:111122223333:alerts*", Scope::Namespace),
            ("${Bucket.Arn}/*", Scope::Namespace),
            ("${Queue.Arn}", Scope::Resource),
        ] {
            assert_eq!(reach(resource), expected, "{resource}");
        }
    }
}
