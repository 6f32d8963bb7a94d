{{/* Alerts about nightshift itself. Its series carry the Service's name as `job`. */}}
{{- define "nightshift.alerts" -}}
{{- $of := printf "job=%q, namespace=%q" (include "nightshift.name" .) .Release.Namespace }}
- alert: NightshiftAbsent
  expr: absent(up{ {{- $of -}} } == 1)
  for: 10m
  labels: { severity: critical }
  annotations:
    summary: Nobody works the night shift
    description: nightshift has not answered for ten minutes. Failures in the cluster are not looked at.
- alert: NightshiftWatchBlind
  expr: max by (kind) (nightshift_watch{ {{- $of }}, state=~"down|forbidden"}) == 1
  for: 10m
  labels: { severity: warning }
  annotations:
    summary: nightshift does not see {{ "{{ $labels.kind }}" }}
    description: The watch on {{ "{{ $labels.kind }}" }} is down or forbidden. What goes wrong with them is not noticed; see /readyz.
- alert: NightshiftOutboxStuck
  expr: increase(nightshift_outbox_steps_total{ {{- $of -}} }[15m]) == 0
  for: 5m
  labels: { severity: critical }
  annotations:
    summary: nightshift tells nobody anything
    description: The outbox has not got on for fifteen minutes. Pages and posts wait, whatever happens.
- alert: NightshiftMessagesSetAside
  expr: increase(nightshift_messages_set_aside_total{ {{- $of -}} }[1h]) > 0
  labels: { severity: warning }
  annotations:
    summary: nightshift could not read a message of its own
    description: A message was set aside and told to nobody. The digest names it.
- alert: NightshiftPanicked
  # Not `increase`: the series begins with the first one.
  expr: nightshift_drive_panics_total{ {{- $of -}} } > (nightshift_drive_panics_total{ {{- $of -}} } offset 1h or nightshift_drive_panics_total{ {{- $of -}} } * 0)
  labels: { severity: warning }
  annotations:
    summary: nightshift broke on an incident
    description: After the third time in a row the incident goes to a person. The log has the place.
{{- if eq .Values.mode "approve" }}
- alert: NightshiftExecutorClosed
  expr: max by (by) (nightshift_executor_closed{ {{- $of -}} }) > 0
  for: 5m
  labels: { severity: warning }
  annotations:
    summary: nightshift executes nothing, or not everywhere
    description: The executor has closed itself because of {{ "{{ $labels.by }}" }}. What people approve waits until it expires; /readyz and every page say why.
{{- end }}
{{- if .Values.alerts.watchdog }}
- alert: NightshiftWatchdogMissing
  expr: time() - nightshift_watchdog_heard_timestamp_seconds{ {{- $of -}} } > 1800
  for: 10m
  labels: { severity: warning }
  annotations:
    summary: Alertmanager's Watchdog does not reach nightshift
    description: No alert may have reached nightshift for half an hour. See the route to it, and its token.
{{- end }}
{{- if .Values.alertmanager.url }}
- alert: NightshiftAlertmanagerDown
  expr: nightshift_alertmanager_up{ {{- $of -}} } == 0
  for: 15m
  labels: { severity: warning }
  annotations:
    summary: nightshift cannot ask Alertmanager
    description: Its silences hold nothing back at nightshift, and an alert that got lost is not noticed.
{{- end }}
{{- end }}
