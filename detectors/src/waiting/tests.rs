use super::*;
use crate::tests::make::pod;

#[test]
fn what_is_missing_is_named_by_the_kubelets_own_sentences_only() {
    let p = pod("cart", 1, 0, 0);
    let table = [
        (r#"configmap "shop-settings" not found"#, Cause::MissingConfigMap, "ConfigMap shop/shop-settings"),
        (
            r#"MountVolume.SetUp failed for volume "cert" : secret "contourcert" not found"#,
            Cause::MissingSecret,
            "Secret shop/contourcert",
        ),
        ("couldn't find key network in Secret shop/hcloud", Cause::MissingKey, "Secret shop/hcloud"),
        ("couldn't find key a in ConfigMap shop/b", Cause::MissingKey, "ConfigMap shop/b"),
        (
            r#"MountVolume.SetUp failed for volume "c" : configmap references non-existent config key: app.ini"#,
            Cause::MissingKey,
            "",
        ),
        (r#"secret "../../etc" not found"#, Cause::MissingSecret, ""),
    ];
    for (message, cause, blamed) in table {
        let (seen, object) = missing(&p, message).unwrap();
        let object = object.map(|object| object.to_string()).unwrap_or_default();
        assert_eq!((seen, object.as_str()), (cause, blamed), "{message}");
    }
    for other in [
        "",
        "couldn't find key network in Secret other/hcloud",
        r#"configmap "a" is forbidden"#,
        r#"configmap "a"#,
        "secret not found",
    ] {
        assert!(missing(&p, other).is_none(), "{other}");
    }
}

#[test]
fn names_are_those_of_objects() {
    for good in ["a", "kube-root-ca.crt", "0"] {
        assert!(is_name(good), "{good}");
    }
    for bad in ["", "-a", "a-", "A", "a b", "a/b", "é", &"a".repeat(254)] {
        assert!(!is_name(bad), "{bad}");
    }
}
