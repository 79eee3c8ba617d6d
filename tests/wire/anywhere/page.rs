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
