// The shape of a dashboard file, put together of the types that Grafana publishes; validate.mjs makes a JSON schema of
// it, which knows no other names than these.

import type * as dashboard from "@grafana/schema/dist/types/raw/dashboard/x/types.gen";
import type { Options as BarChart, FieldConfig as BarChartField } from "@grafana/schema/dist/types/raw/composable/barchart/panelcfg/x/types.gen";
import type { Options as BarGauge } from "@grafana/schema/dist/types/raw/composable/bargauge/panelcfg/x/types.gen";
import type { Options as Heatmap } from "@grafana/schema/dist/types/raw/composable/heatmap/panelcfg/x/types.gen";
import type { Options as Stat } from "@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen";
import type { Options as Table, FieldConfig as TableField } from "@grafana/schema/dist/types/raw/composable/table/panelcfg/x/types.gen";
import type { Options as TimeSeries, FieldConfig as TimeSeriesField } from "@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen";

// The types of the Prometheus data source are not in that package.
interface Query {
  refId: string;
  expr: string;
}
interface PanelQuery extends Query {
  datasource: dashboard.DataSourceRef;
  editorMode: "code";
  format: "time_series" | "table" | "heatmap";
  legendFormat: string;
  instant?: boolean;
  range?: boolean;
}
interface Annotation extends Omit<dashboard.AnnotationQuery, "target"> {
  target: Query & { interval: string };
  titleFormat: string;
  textFormat: string;
  tagKeys: string;
  useValueForTime: boolean;
}

// What a kind of panel has of its own. Options that are left out have Grafana's defaults.
type Of<Kind extends string, Options, Custom = Record<string, never>> = Omit<dashboard.Panel, "type" | "options" | "targets" | "fieldConfig"> & {
  type: Kind;
  options: Partial<Options>;
  targets: PanelQuery[];
  fieldConfig: Omit<dashboard.FieldConfigSource, "defaults"> & {
    defaults: Omit<dashboard.FieldConfig, "custom"> & { custom?: Partial<Custom> };
  };
};

type Panel =
  | Of<"barchart", BarChart, BarChartField>
  | Of<"bargauge", BarGauge>
  | Of<"heatmap", Heatmap>
  | Of<"stat", Stat>
  | Of<"table", Table, TableField>
  | Of<"timeseries", TimeSeries, TimeSeriesField>
  | dashboard.RowPanel;

export interface DashboardFile extends Omit<dashboard.Dashboard, "panels" | "annotations"> {
  panels: Panel[];
  annotations: { list: Annotation[] };
}

// What Grafana's documentation says of provisioning files, as far as it is used here.
export interface DashboardProviders {
  apiVersion: 1;
  providers: {
    name: string;
    folder: string;
    type: "file";
    disableDeletion?: boolean;
    updateIntervalSeconds?: number;
    allowUiUpdates?: boolean;
    options: { path: string };
  }[];
}
export interface DataSources {
  apiVersion: 1;
  datasources: {
    name: string;
    type: "prometheus";
    uid: string;
    access: "proxy";
    url: string;
    isDefault?: boolean;
    editable?: boolean;
    jsonData: { httpMethod: "POST" | "GET"; timeInterval: string; prometheusType?: "Prometheus"; manageAlerts?: boolean };
  }[];
}
