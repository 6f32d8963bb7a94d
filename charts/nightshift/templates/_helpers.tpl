{{- define "nightshift.name" -}}
{{- if contains "nightshift" .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-nightshift" (.Release.Name | trunc 41 | trimSuffix "-") }}{{ end }}
{{- end }}

{{/* Names of what has no namespace: two releases in two namespaces must not meet. */}}
{{- define "nightshift.clusterName" -}}
{{ printf "%s-%s" .Release.Namespace (include "nightshift.name" .) }}
{{- end }}

{{/* The lock's objects have no namespace either. */}}
{{- define "nightshift.lock" -}}
{{ include "nightshift.clusterName" . }}-lock
{{- end }}

{{- define "nightshift.executorUser" -}}
{{ printf "system:serviceaccount:%s:%s-executor" .Release.Namespace (include "nightshift.name" .) }}
{{- end }}

{{- define "nightshift.selector" -}}
app.kubernetes.io/name: nightshift
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "nightshift.labels" -}}
{{ include "nightshift.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "nightshift.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* What cannot be had, each with its reason. */}}
{{- define "nightshift.refuse" -}}
{{- with .Values }}
{{- if eq .mode "approve" }}
{{- if not (or .actions.namespaces .actions.clusterWide) }}{{ fail "actions.namespaces is required in mode: approve: the namespaces in which nightshift may act, each by its name" }}{{ end }}
{{- if and .actions.namespaces .actions.clusterWide }}{{ fail "actions.namespaces and actions.clusterWide are both set: leave one of them out" }}{{ end }}
{{- if not .persons }}{{ fail "persons is required in mode: approve: nobody could decide" }}{{ end }}
{{- range .actions.namespaces }}
{{- if has . (list "kube-system" $.Release.Namespace) }}{{ fail (printf "actions.namespaces: nightshift never writes in %s" .) }}{{ end }}
{{- if and $.Values.cluster.namespaces (not (has . $.Values.cluster.namespaces)) }}{{ fail (printf "actions.namespaces: %s is not among cluster.namespaces, so nothing in it is looked at" .) }}{{ end }}
{{- end }}
{{- else if or .actions.namespaces .actions.clusterWide .actions.disabled }}{{ fail "actions is set but mode is observe, in which nothing is done: set mode: approve, or leave actions out" }}{{ end }}
{{- if eq .profile "team" }}{{ fail "profile: team is not offered by this version of the chart: it needs PostgreSQL, which nightshift does not speak yet. Use profile: small" }}{{ end }}
{{- if not .cluster.name }}{{ fail "cluster.name is required: the name that stands on every page and message" }}{{ end }}
{{- if and .gate.tls.existingSecret (not .publicUrl) }}{{ fail "gate.tls.existingSecret needs publicUrl: the name that the certificate is for" }}{{ end }}
{{- if and (or .ingress.enabled .gatewayRoute.enabled) (not .publicUrl) }}{{ fail "ingress and gatewayRoute need publicUrl: they take their host from it" }}{{ end }}
{{- if and .gatewayRoute.enabled (not .gatewayRoute.parentRefs) }}{{ fail "gatewayRoute.parentRefs is required: the Gateways that the route belongs to" }}{{ end }}
{{- if and .prometheus.enabled (not .prometheus.url) }}{{ fail "prometheus.url is required while prometheus.enabled is true" }}{{ end }}
{{- if and .prometheus.url (not .prometheus.enabled) }}{{ fail "prometheus.url is set but prometheus.enabled is false: set it to true, or leave the URL out" }}{{ end }}
{{- if and .extraCA.configMap .extraCA.secret }}{{ fail "extraCA.configMap and extraCA.secret are both set: leave it in one" }}{{ end }}
{{- if and (or .alerts.watchdog .alerts.previousKey) (not .alerts.existingSecret) }}{{ fail "alerts.existingSecret is required: without a secret no alerts are taken from the network" }}{{ end }}
{{- if and .kubernetesVotes.enabled (ne .mode "approve") }}{{ fail "kubernetesVotes.enabled needs mode: approve: in mode observe there is nothing to vote on" }}{{ end }}
{{- $secrets := concat .notify.webhooks .notify.slack .notify.slack_apps .notify.pagerduty }}
{{- if and (or $secrets .notify.heartbeat) (not .notify.existingSecret) }}{{ fail "notify.existingSecret is required: the Secret with the keys that the channels name" }}{{ end }}
{{- range .notify.mail }}{{ if and (or .password_file .ca_file) (not $.Values.notify.existingSecret) }}{{ fail "notify.existingSecret is required: mail names a key of it" }}{{ end }}{{ end }}
{{- end }}
{{- end }}

{{/* An entry of the daemon's configuration, its `..._file` fields pointing to where the Secret is mounted. */}}
{{- define "nightshift.filed" -}}
{{- $made := dict }}
{{- range $name, $value := . }}
{{- $_ := set $made $name (ternary (printf "/etc/nightshift-secrets/notify/%v" $value) $value (hasSuffix "_file" $name)) }}
{{- end }}
{{- toYaml $made }}
{{- end }}

{{/* nightshift.yaml: a pure function of the values. */}}
{{- define "nightshift.config" -}}
{{- $values := .Values }}
{{- $exposed := ternary "0.0.0.0" "127.0.0.1" (not (empty .Values.publicUrl)) }}
{{- $gate := dict "listen" (printf "%s:8080" $exposed) "keys_dir" "/var/lib/nightshift/keys" }}
{{- with .Values.publicUrl }}{{ $_ := set $gate "public_url" . }}{{ end }}
{{- if .Values.gate.tls.existingSecret }}
{{- $_ := set $gate "tls" (dict "cert" "/etc/nightshift-secrets/tls/tls.crt" "key" "/etc/nightshift-secrets/tls/tls.key") }}
{{- else if .Values.publicUrl }}
{{- $_ := set $gate "trusted_proxy" true }}
{{- end }}
{{- $config := dict
  "mode" .Values.mode
  "cluster" (dict "name" .Values.cluster.name "namespaces" .Values.cluster.namespaces)
  "store" (dict "path" "/var/lib/nightshift/nightshift.db")
  "audit" (dict "keys_dir" "/var/lib/nightshift/executor-keys")
  "gate" $gate
  "health" (dict "listen" "0.0.0.0:8081")
  "detectors" (list "/etc/nightshift/detectors.yaml")
  "registry" "/etc/nightshift/registry.yaml"
  "log" .Values.log }}
{{- if eq .Values.mode "approve" }}
{{- $lock := dict "mode" .Values.countersign.mode "lock" (include "nightshift.lock" .) "executor" (include "nightshift.executorUser" .) }}
{{- if ne .Values.countersign.mode "policy" }}
{{- $_ := set $lock "listen" (printf "0.0.0.0:%v" .Values.countersign.port) }}
{{- $_ := set $lock "names" (list (printf "%s-countersign.%s.svc" (include "nightshift.name" .) .Release.Namespace)) }}
{{- end }}
{{- $_ := set $config "countersign" $lock }}
{{- $_ := set $config "actions" (ternary (dict "cluster_wide" true) (dict "namespaces" .Values.actions.namespaces) .Values.actions.clusterWide) }}
{{- end }}
{{- if .Values.playbooks }}{{ $_ := set $config "playbooks" (list "/etc/nightshift-playbooks") }}{{ end }}
{{- if or .Values.extraCA.configMap .Values.extraCA.secret }}
{{- $_ := set $config "network" (dict "ca_file" "/etc/nightshift-secrets/extra-ca/ca.pem") }}
{{- end }}
{{- with .Values.prometheus }}{{ if .enabled }}
{{- $made := dict "url" .url "timeout" .timeout }}
{{- if .tokenSecret.name }}{{ $_ := set $made "bearer_token_file" "/etc/nightshift-secrets/prometheus/token" }}{{ end }}
{{- if .caConfigMap.name }}{{ $_ := set $made "ca_file" "/etc/nightshift-secrets/prometheus-ca/ca.pem" }}{{ end }}
{{- $_ := set $config "prometheus" $made }}
{{- end }}{{ end }}
{{- with .Values.alerts }}{{ if .existingSecret }}
{{- $tokens := list "/etc/nightshift-secrets/alerts/token" }}
{{- if .previousKey }}{{ $tokens = append $tokens "/etc/nightshift-secrets/alerts/previous" }}{{ end }}
{{- $made := dict "listen" "0.0.0.0:8082" "bearer_token_files" $tokens }}
{{- with .watchdog }}{{ $_ := set $made "watchdog" . }}{{ end }}
{{- $_ := set $config "alerts" $made }}
{{- end }}{{ end }}
{{- with .Values.alertmanager }}{{ if .url }}
{{- $made := dict "url" .url "receiver" .receiver "paging_receivers" .pagingReceivers }}
{{- if .tokenSecret.name }}{{ $_ := set $made "bearer_token_file" "/etc/nightshift-secrets/alertmanager/token" }}{{ end }}
{{- if .caConfigMap.name }}{{ $_ := set $made "ca_file" "/etc/nightshift-secrets/alertmanager-ca/ca.pem" }}{{ end }}
{{- $_ := set $config "alertmanager" $made }}
{{- end }}{{ end }}
{{- with .Values.ignore }}{{ $_ := set $config "ignore" . }}{{ end }}
{{- with .Values.noise }}{{ $_ := set $config "noise" . }}{{ end }}
{{- $notify := dict "digest" .Values.notify.digest }}
{{- range $kind := list "webhooks" "slack" "slack_apps" "pagerduty" "mail" }}
{{- $made := list }}
{{- range (get $values.notify $kind) }}{{ $made = append $made (include "nightshift.filed" . | fromYaml) }}{{ end }}
{{- if $made }}{{ $_ := set $notify $kind $made }}{{ end }}
{{- end }}
{{- range $part := list "production" "routes" }}{{ with (get $values.notify $part) }}{{ $_ := set $notify $part . }}{{ end }}{{ end }}
{{- with .Values.notify.heartbeat }}{{ $_ := set $notify "heartbeat" (include "nightshift.filed" . | fromYaml) }}{{ end }}
{{- $_ := set $config "notify" $notify }}
{{- toYaml $config }}
{{- end }}

{{/* executor.yaml: what the executor needs of it. Where messages go, and their keys, is the responder's alone. */}}
{{- define "nightshift.executorConfig" -}}
{{- $config := include "nightshift.config" . | fromYaml }}
{{- range list "notify" "alerts" "alertmanager" "prometheus" "network" }}{{ $_ := unset $config . }}{{ end }}
{{- $_ := set $config "gate" (dict "keys_dir" "/var/lib/nightshift/keys") }}
{{- $_ := set $config "health" (dict "listen" "0.0.0.0:8083") }}
{{- toYaml $config }}
{{- end }}

{{/* registry.yaml */}}
{{- define "nightshift.registry" -}}
{{- $policy := .Values.policy }}
{{- with .Values.actions.disabled }}{{ $policy = merge (dict "disabled_actions" .) $policy }}{{ end }}
{{- $made := dict "persons" .Values.persons "roles" .Values.roles "owners" .Values.owners "policy" $policy }}
{{- with .Values.passkeys }}{{ $_ := set $made "passkeys" . }}{{ end }}
{{- with .Values.tokens }}{{ $_ := set $made "tokens" . }}{{ end }}
{{- toYaml $made }}
{{- end }}

{{/* Rules of a role: the rights of one reach that are needed as the values stand, one rule a resource. */}}
{{- define "nightshift.rules" -}}
{{- $values := .values }}
{{- range .rights }}
{{- $needed := eq .reach $.reach }}
{{- with .part }}{{ if not (get $values.rbac .) }}{{ $needed = false }}{{ end }}{{ end }}
{{- with .for }}
{{- $asked := false }}
{{- range . }}{{ if not (has . $values.detectors.disabled) }}{{ $asked = true }}{{ end }}{{ end }}
{{- if not $asked }}{{ $needed = false }}{{ end }}
{{- end }}
{{- if $needed }}
- apiGroups: [{{ .group | quote }}]
  resources: [{{ .resource | quote }}]
  verbs: [{{ range $at, $verb := .verbs }}{{ if $at }}, {{ end }}{{ $verb | quote }}{{ end }}]
{{- end }}
{{- end }}
{{- end }}

{{/* The same of the executor: what no enabled action needs is left out. */}}
{{- define "nightshift.executorRules" -}}
{{- $off := .values.actions.disabled }}
{{- range .rights }}
{{- $needed := has .reach $.reaches }}
{{- with .for }}
{{- $asked := false }}
{{- range . }}{{ if not (has . $off) }}{{ $asked = true }}{{ end }}{{ end }}
{{- if not $asked }}{{ $needed = false }}{{ end }}
{{- end }}
{{- if $needed }}
- apiGroups: [{{ .group | quote }}]
  resources: [{{ .resource | quote }}]
  verbs: [{{ range $at, $verb := .verbs }}{{ if $at }}, {{ end }}{{ $verb | quote }}{{ end }}]
{{- end }}
{{- end }}
{{- end }}

{{/* Port of a URL, with the scheme's own where it names none. */}}
{{- define "nightshift.port" -}}
{{- $url := urlParse . }}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" }}
{{- $port | default (ternary "443" "80" (eq $url.scheme "https")) }}
{{- end }}

{{/* The container, as the workload and the test start it. */}}
{{- define "nightshift.container" -}}
image: {{ include "nightshift.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- with .Values.proxy }}{{ if .https }}
env:
  - { name: HTTPS_PROXY, value: {{ .https | quote }} }
  # The cluster's own names and the API server's address, which the kubelet fills in, never go through it.
  - { name: NO_PROXY, value: {{ join "," (concat (list "$(KUBERNETES_SERVICE_HOST)" "localhost" "127.0.0.1" "::1" ".svc" ".cluster.local") .exclude) | quote }} }
{{- end }}{{ end }}
{{- end }}

{{/* What the executor sees: the configuration, the history, and keys of its own. */}}
{{- define "nightshift.executorMounts" -}}
- { name: config, mountPath: /etc/nightshift, readOnly: true }
- { name: token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true }
- { name: data, mountPath: /var/lib/nightshift }
- { name: executor-tmp, mountPath: /tmp }
{{- if .Values.playbooks }}
- { name: playbooks, mountPath: /etc/nightshift-playbooks, readOnly: true }
{{- end }}
{{- end }}

{{/* What the responder sees, its token aside. */}}
{{- define "nightshift.mounts" -}}
- { name: config, mountPath: /etc/nightshift, readOnly: true }
- { name: data, mountPath: /var/lib/nightshift }
- { name: tmp, mountPath: /tmp }
{{- with .Values }}
{{- if .playbooks }}
- { name: playbooks, mountPath: /etc/nightshift-playbooks, readOnly: true }
{{- end }}
{{- if .notify.existingSecret }}
- { name: notify, mountPath: /etc/nightshift-secrets/notify, readOnly: true }
{{- end }}
{{- if .gate.tls.existingSecret }}
- { name: tls, mountPath: /etc/nightshift-secrets/tls, readOnly: true }
{{- end }}
{{- if or .extraCA.configMap .extraCA.secret }}
- { name: extra-ca, mountPath: /etc/nightshift-secrets/extra-ca, readOnly: true }
{{- end }}
{{- if .alerts.existingSecret }}
- { name: alerts, mountPath: /etc/nightshift-secrets/alerts, readOnly: true }
{{- end }}
{{- range $of := list "prometheus" "alertmanager" }}
{{- with (get $.Values $of) }}{{ if .url }}
{{- if .tokenSecret.name }}
- { name: {{ $of }}, mountPath: /etc/nightshift-secrets/{{ $of }}, readOnly: true }
{{- end }}
{{- if .caConfigMap.name }}
- { name: {{ $of }}-ca, mountPath: /etc/nightshift-secrets/{{ $of }}-ca, readOnly: true }
{{- end }}
{{- end }}{{ end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Everything but the data. */}}
{{- define "nightshift.volumes" -}}
- name: config
  configMap: { name: {{ include "nightshift.name" . }} }
- name: token
  # An hour's token of this Pod's own account, as the cluster would mount it, but in this container alone.
  projected: # 288 is 0440: the owner and the group of the volume read, nobody else
    defaultMode: 288
    sources:
      - serviceAccountToken: { path: token, expirationSeconds: 3600 }
      - configMap: { name: kube-root-ca.crt, items: [{ key: ca.crt, path: ca.crt }] }
      - downwardAPI: { items: [{ path: namespace, fieldRef: { apiVersion: v1, fieldPath: metadata.namespace } }] }
- name: tmp
  emptyDir: { sizeLimit: 64Mi }
{{- with .Values }}
{{- if .playbooks }}
- name: playbooks
  configMap: { name: {{ include "nightshift.name" $ }}-playbooks }
{{- end }}
{{- with .notify.existingSecret }}
- name: notify
  secret: { secretName: {{ . }}, defaultMode: 288 }
{{- end }}
{{- with .gate.tls.existingSecret }}
- name: tls
  secret: { secretName: {{ . }}, defaultMode: 288 }
{{- end }}
{{- with .extraCA.configMap }}
- name: extra-ca
  configMap: { name: {{ . }}, items: [{ key: {{ $.Values.extraCA.key }}, path: ca.pem }] }
{{- end }}
{{- with .extraCA.secret }}
- name: extra-ca
  secret: { secretName: {{ . }}, defaultMode: 288, items: [{ key: {{ $.Values.extraCA.key }}, path: ca.pem }] }
{{- end }}
{{- with .alerts }}{{ if .existingSecret }}
- name: alerts
  secret:
    secretName: {{ .existingSecret }}
    defaultMode: 288
    items:
      - { key: {{ .key }}, path: token }
      {{- with .previousKey }}
      - { key: {{ . }}, path: previous }
      {{- end }}
{{- end }}{{ end }}
{{- range $of := list "prometheus" "alertmanager" }}
{{- with (get $.Values $of) }}{{ if .url }}
{{- with .tokenSecret }}{{ if .name }}
- name: {{ $of }}
  secret: { secretName: {{ .name }}, defaultMode: 288, items: [{ key: {{ .key }}, path: token }] }
{{- end }}{{ end }}
{{- with .caConfigMap }}{{ if .name }}
- name: {{ $of }}-ca
  configMap: { name: {{ .name }}, items: [{ key: {{ .key }}, path: ca.pem }] }
{{- end }}{{ end }}
{{- end }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
