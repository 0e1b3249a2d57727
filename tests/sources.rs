//! Where bytes come from: every source on repositories built in the test.

mod support;

use support::TestRepo;

#[test]
fn the_test_clock_makes_the_same_commit_twice() {
    let ids: Vec<String> = (0..2)
        .map(|_| {
            let repo = TestRepo::new();
            repo.write("a.txt", "one\n").commit("first");
            repo.write("a.txt", "two\n").commit("second")
        })
        .collect();
    assert_eq!(ids[0], ids[1]);
}
