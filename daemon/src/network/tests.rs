use super::*;

fn network(set: &[(&'static str, &str)]) -> Result<Network, NetworkError> {
    Network::of(None, |name| set.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
}

fn through(network: &Network, to: &str) -> Option<String> {
    network.proxy(&Url::parse(to).unwrap()).map(|url| url.to_string())
}

#[test]
fn the_environment_says_what_goes_through_a_proxy() {
    let set = [
        ("HTTPS_PROXY", "http://proxy.example.com:3128"),
        ("NO_PROXY", "10.96.0.1,.svc,.cluster.local, 192.0.2.0/24"),
    ];
    let network = network(&set).unwrap();
    let proxy = Some("http://proxy.example.com:3128/".to_owned());
    assert_eq!(through(&network, "https://hooks.example.com/x"), proxy);
    assert_eq!(through(&network, "https://[2001:db8::1]/"), proxy);
    for direct in [
        "http://hooks.example.com/", // HTTPS_PROXY says nothing of it
        "https://10.96.0.1/",
        "https://prometheus.monitoring.svc:9090/",
        "https://prometheus.monitoring.svc.cluster.local/",
        "https://192.0.2.77/",
        "https://localhost/",
        "https://127.0.0.1:8080/",
        "https://[::1]/",
    ] {
        assert_eq!(through(&network, direct), None, "{direct}");
    }
}

#[test]
fn the_small_variable_counts_before_the_large_one_and_empty_is_not_set() {
    let both = network(&[("https_proxy", "small:1"), ("HTTPS_PROXY", "large:2")]).unwrap();
    assert_eq!(through(&both, "https://example.com/").as_deref(), Some("http://small:1/"));
    let empty = network(&[("HTTPS_PROXY", " "), ("ALL_PROXY", "http://all:3")]).unwrap();
    assert_eq!(through(&empty, "https://example.com/").as_deref(), Some("http://all:3/"));
    assert_eq!(through(&network(&[("NO_PROXY", "x")]).unwrap(), "https://example.com/"), None);
}

#[test]
fn a_proxy_with_a_password_is_refused_and_not_said() {
    for value in ["http://me:hunter2@proxy:3128", "me:hunter2@proxy:3128", "https://me@proxy"] {
        let error = network(&[("HTTPS_PROXY", value)]).unwrap_err();
        assert!(matches!(error, NetworkError::Password("HTTPS_PROXY")), "{value}: {error}");
        assert!(!error.to_string().contains("hunter2"));
    }
    for value in ["socks5://proxy:1080", "http://", "http://[proxy"] {
        let error = network(&[("all_proxy", value)]).unwrap_err();
        assert!(matches!(error, NetworkError::NotAProxy("all_proxy")), "{value}: {error}");
    }
}

#[test]
fn a_file_without_certificates_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let load = || Network::of(Some(&path), |_| None);
    assert!(matches!(load(), Err(NetworkError::Unreadable { .. })));
    std::fs::write(&path, "").unwrap();
    assert!(matches!(load(), Err(NetworkError::Empty { .. })));
    std::fs::write(&path, "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n").unwrap();
    assert!(matches!(load(), Err(NetworkError::NotPem { .. })), "{:?}", load());
    let made = rcgen::generate_simple_self_signed(vec!["ca".into()]).unwrap();
    std::fs::write(&path, made.cert.pem() + &made.cert.pem()).unwrap();
    assert_eq!(load().unwrap().authorities.len(), 2);
}
