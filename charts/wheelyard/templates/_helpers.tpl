{{- /* Short enough that a name with a suffix such as -dashboard has at most 63 characters. */ -}}
{{- define "wheelyard.name" -}}
{{- if contains "wheelyard" .Release.Name -}}
{{ printf "%s-operator" .Release.Name | trunc 53 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-wheelyard-operator" .Release.Name | trunc 53 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- /* Renamed values are refused for one release: if ignored, they would allow less or more than intended. */ -}}
{{- define "wheelyard.refuseOldNames" -}}
{{- if hasKey .Values "exposure" }}
{{- fail "exposure is now external: rename it, with the same values below it" }}
{{- end }}
{{- if hasKey .Values.aws "keyGraceSeconds" }}
{{- fail "aws.keyGraceSeconds is now aws.keyOverlap: write aws.keyOverlap: 60s in place of aws.keyGraceSeconds: 60" }}
{{- end }}
{{- end }}

{{- /* The schema has the form alone. An operator with a longer one would not start. */ -}}
{{- define "wheelyard.keyOverlap" -}}
{{- $text := .Values.aws.keyOverlap }}
{{- $unit := regexFind "[smhd]$" $text }}
{{- if gt (mul (atoi (trimSuffix $unit $text)) (get (dict "s" 1 "m" 60 "h" 3600 "d" 86400) $unit)) 86400 }}
{{- fail (printf "aws.keyOverlap is %s: it must be from 0s to 1d" $text) }}
{{- end }}
{{- $text }}
{{- end }}

{{- define "wheelyard.selectorLabels" -}}
app.kubernetes.io/name: wheelyard
app.kubernetes.io/component: operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "wheelyard.testLabels" -}}
app.kubernetes.io/name: wheelyard
app.kubernetes.io/component: test
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "wheelyard.labels" -}}
{{ include "wheelyard.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "wheelyard.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- define "wheelyard.indexImage" -}}
{{- with .Values.indexServers.image -}}
{{ if or .repository .tag .digest -}}
{{ .repository | default $.Values.image.repository }}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Values.image.tag | default $.Chart.AppVersion }}{{ end }}
{{- else -}}
{{ include "wheelyard.image" $ }}
{{- end }}
{{- end }}
{{- end }}

{{- define "wheelyard.pullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "wheelyard.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "wheelyard.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
