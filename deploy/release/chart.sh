#!/usr/bin/env bash
# Packages the Helm chart, with the rules and dashboards beside it.
#
#     deploy/release/chart.sh FOLDER
set -euo pipefail
mkdir -p "$1"
folder=$(realpath "$1")
cd "$(dirname "$0")/../.."
helm package deploy/helm/librechat-exporter --destination "$folder"
