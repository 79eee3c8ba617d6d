use super::*;

/// An endpoint of an application, with the token `device`.
pub(crate) fn registered(platforms: &Platforms, platform: &str) -> String {
    let application = platforms.create_application(platform, "App").expect("an application");
    platforms.create_endpoint(&application, "device", Settings::default()).expect("an endpoint")
}

fn data(text: &str) -> Settings {
    Settings { user_data: Some(text.to_owned()), ..Settings::default() }
}

#[test]
fn the_same_token_is_the_same_endpoint_unless_something_else_is_said_of_it() {
    let platforms = Platforms::open(None).expect("platforms");
    let arn = registered(&platforms, "APNS");
    assert!(arn.starts_with("arn:aws:sns:us-east-1:123456789012:endpoint/APNS/App/"), "{arn}");
    assert_eq!(registered(&platforms, "APNS"), arn);
    assert_ne!(registered(&platforms, "GCM"), arn);
    let application = platforms.create_application("APNS", "App").expect("an application");
    let create = |settings: Settings| platforms.create_endpoint(&application, "device", settings);
    let taken = create(data("other")).expect_err("it has other data").to_string();
    assert!(taken.contains(&arn) && taken.contains("different attributes"), "{taken}");
    platforms.set(&arn, data("other")).expect("it is there");
    assert_eq!(create(data("other")).expect("it has the same data"), arn);
}

#[test]
fn an_endpoint_may_not_take_the_token_of_another() {
    let platforms = Platforms::open(None).expect("platforms");
    registered(&platforms, "APNS");
    let application = platforms.create_application("APNS", "App").expect("an application");
    let second = platforms.create_endpoint(&application, "second", Settings::default()).expect("an endpoint");
    let token = |token: &str| Settings { token: Some(token.to_owned()), ..Settings::default() };
    assert!(matches!(platforms.set(&second, token("device")), Err(Unregistered::Taken(_))));
    platforms.set(&second, token("third")).expect("nobody has it");
    assert_eq!(platforms.endpoint(&second).map(|endpoint| endpoint.token), Some("third".to_owned()));
}

#[test]
fn what_is_not_there_is_not_changed_but_may_be_deleted() {
    let platforms = Platforms::open(None).expect("platforms");
    assert!(matches!(platforms.set("arn:x", Settings::default()), Err(Unregistered::NoEndpoint)));
    let created = platforms.create_endpoint("arn:x", "device", Settings::default());
    assert!(matches!(created, Err(Unregistered::NoApplication)));
    platforms.delete("arn:x").expect("it is gone all the same");
}

#[test]
fn endpoints_survive_a_restart() {
    let folder = std::env::temp_dir().join(format!("platforms-{}", Uuid::now_v7()));
    std::fs::create_dir(&folder).expect("a folder");
    let open = || Platforms::open(Some(&folder)).expect("platforms");
    let platforms = open();
    let (kept, gone) = (registered(&platforms, "APNS"), registered(&platforms, "GCM"));
    platforms.set(&kept, Settings { enabled: Some(false), ..Settings::default() }).expect("it is there");
    platforms.delete(&gone).expect("it is there");
    drop(platforms);
    let again = open();
    assert_eq!(again.endpoint(&kept).map(|endpoint| endpoint.enabled), Some(false));
    assert_eq!(again.endpoint(&gone), None);
    assert_eq!(registered(&again, "APNS"), kept);
    assert_ne!(registered(&again, "GCM"), gone);
    std::fs::remove_dir_all(folder).expect("a folder of ours");
}
