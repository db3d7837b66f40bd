//! Native histograms, scraped as protocol buffers by a real Prometheus that has them switched on, beside one that reads the
//! classic buckets as text.

use crate::exporter::Exporter;
use crate::prometheus::{Jobs, Prometheus};
use crate::servers::eventually;

const FAMILIES: [&str; 2] = ["librechat_answer_seconds", "librechat_answer_tokens"];

/// The number that a query gives.
async fn number(prometheus: &Prometheus, query: &str) -> Result<f64, String> {
    let value = prometheus.query(query).await.filter(|value| value.is_finite());
    match value {
        Some(value) => Ok(value),
        None => Err(format!("{query} gives no number; targets: {}", prometheus.targets().await)),
    }
}

/// Both quantiles of the same observations, when both have as many and enough of them.
async fn quantiles(
    native: &Prometheus,
    classic: &Prometheus,
    family: &str,
    quantile: f64,
) -> Result<[f64; 2], String> {
    let counts = [
        number(native, &format!("histogram_count(sum({family}))")).await?,
        number(classic, &format!("sum({family}_count)")).await?,
    ];
    let found = [
        number(native, &format!("histogram_quantile({quantile}, sum({family}))")).await?,
        number(classic, &format!("histogram_quantile({quantile}, sum by (le) ({family}_bucket))")).await?,
    ];
    let again = number(native, &format!("histogram_count(sum({family}))")).await?;
    if counts[0] >= 20.0
        && counts[0].to_bits() == counts[1].to_bits()
        && again.to_bits() == counts[0].to_bits()
    {
        Ok(found)
    } else {
        Err(format!("{family} has {counts:?} observations"))
    }
}

/// The bounds of the classic buckets.
async fn bounds(exporter: &Exporter, family: &str) -> Vec<f64> {
    let text = exporter.get("/metrics").await.text();
    let mut bounds: Vec<f64> = text
        .lines()
        .filter(|line| line.starts_with(&format!("{family}_bucket{{")))
        .map(|line| line.split("le=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap())
        .collect();
    bounds.sort_by(f64::total_cmp);
    bounds.dedup();
    bounds
}

/// Whether two numbers lie in one classic bucket, as far as a native bucket (9 % wide) tells.
fn agree(bounds: &[f64], [native, classic]: [f64; 2]) -> bool {
    let lower = bounds.iter().rev().find(|bound| **bound < classic).copied().unwrap_or(0.0);
    let upper = bounds.iter().find(|bound| **bound >= classic).copied().unwrap_or(f64::INFINITY);
    native >= lower / 1.1 && native <= upper * 1.1
}

#[tokio::test]
async fn quantiles_of_native_histograms_agree_with_those_of_classic_buckets() {
    // Long enough for both to scrape the same snapshot.
    let exporter = Exporter::demo(&[("REFRESH_INTERVAL", "6s")]).await;
    let native = Jobs::new()
        .add("exporter", exporter.port, "")
        .start_with(&["--enable-feature=native-histograms"])
        .await;
    let classic = Jobs::new().add("exporter", exporter.port, "").start().await;
    for family in FAMILIES {
        let bounds = bounds(&exporter, family).await;
        for quantile in [0.5, 0.9] {
            let found = eventually(&format!("both know {family}"), async || {
                quantiles(&native, &classic, family, quantile).await
            })
            .await;
            assert!(agree(&bounds, found), "{family} {quantile}: {found:?}, classic buckets {bounds:?}");
        }
        // One that reads them natively has no classic buckets, and the other no native ones.
        assert_eq!(native.query(&format!("count({family}_bucket)")).await, None);
        assert_eq!(classic.query(&format!("count({family})")).await, None);
    }
    // All else is the same in both formats.
    for name in
        ["librechat_user_count", "librechat_exporter_build_info", "count(librechat_messages_created_total)"]
    {
        let [as_protobuf, as_text] =
            [number(&native, name).await.unwrap(), number(&classic, name).await.unwrap()];
        assert_eq!(as_protobuf.to_bits(), as_text.to_bits(), "{name}");
    }
    let names = "count(count by (__name__) ({job=\"exporter\", __name__!~\"scrape_.*|up|.*_(bucket|sum|count|seconds|tokens)\"}))";
    let [as_protobuf, as_text] =
        [number(&native, names).await.unwrap(), number(&classic, names).await.unwrap()];
    assert_eq!(as_protobuf.to_bits(), as_text.to_bits(), "as many families");
}
