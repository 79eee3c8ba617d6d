//! The page is there for everybody, and may do little.

use reqwest::Method;

use crate::harness::Target;

#[tokio::test]
async fn the_page_may_run_its_own_scripts_and_call_its_own_stack_and_nothing_else() {
    let target = Target::start().await;
    let page = target.call(Method::GET, "/", None, &[], None).await;
    assert_eq!((page.status, &page.headers["content-type"]), (200, &"text/html; charset=utf-8".parse().unwrap()));
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    let websocket = reqwest::Url::parse(&target.websocket).unwrap();
    let connects = format!("connect-src 'self' {}://{}", websocket.scheme(), websocket.authority());
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(policy.split("; ").any(|part| part == connects), "{policy} lacks {connects}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(policy.ends_with("; require-trusted-types-for 'script'; trusted-types tidings-worker"), "{policy}");
}

#[tokio::test]
async fn every_answer_of_the_page_is_taken_for_what_it_says_and_asked_for_over_https_from_then_on() {
    let target = Target::start().await;
    let asset = target.call(Method::GET, "/assets/page.js", None, &[], None).await;
    let known = [("if-none-match", asset.headers["etag"].to_str().unwrap())];
    for (path, headers, status) in [
        ("/", &[][..], 200),
        ("/assets/worker.js", &[], 200),
        ("/assets/page.js", &known, 304),
        ("/assets/none.js", &[], 404),
    ] {
        let answer = target.call(Method::GET, path, None, headers, None).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(answer.headers["strict-transport-security"], "max-age=31536000", "{path}");
    }
}

#[tokio::test]
async fn an_asset_is_there_or_it_is_a_problem() {
    let target = Target::start().await;
    for (file, kind) in [("page.js", "text/javascript"), ("tidings.js", "text/javascript"), ("page.css", "text/css")] {
        let asset = target.call(Method::GET, &format!("/assets/{file}"), None, &[], None).await;
        let found = asset.headers["content-type"].to_str().unwrap();
        assert!(asset.status == 200 && found.starts_with(kind), "{file}: {} {found}", asset.status);
    }
    let none = target.call(Method::GET, "/assets/none.js", None, &[], None).await;
    assert_eq!((none.status, none.code()), (404, "not_found"));
}
