{{- define "ippoold.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "ippoold.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "ippoold.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "ippoold.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "ippoold.selectorLabels" -}}
app.kubernetes.io/name: {{ include "ippoold.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "ippoold.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "ippoold.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "ippoold.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "ippoold.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "ippoold.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The names by which the Service is called inside of the cluster, and those of the values. */}}
{{- define "ippoold.allowedHosts" -}}
{{- $name := include "ippoold.fullname" . -}}
{{- $namespaced := printf "%s.%s" $name .Release.Namespace -}}
{{- $service := list $name $namespaced (printf "%s.svc" $namespaced) (printf "%s.svc.cluster.local" $namespaced) -}}
{{- concat $service .Values.allowedHosts | uniq | join "," -}}
{{- end -}}

{{/* The server would refuse to start; say so before anything is installed. */}}
{{- define "ippoold.checkValues" -}}
{{- $isEtcd := eq .Values.datastore.type "etcd" -}}
{{- if and (not $isEtcd) .Values.etcd.endpoints -}}
{{- fail "etcd.endpoints is given although datastore.type is kubernetes: leave one of them out" -}}
{{- end -}}
{{- if and $isEtcd (not .Values.etcd.endpoints) -}}
{{- fail "etcd.endpoints is empty: give the URLs of etcd's members, such as https://etcd-1.example.org:2379" -}}
{{- end -}}
{{- if and (not .Values.tls.secretName) (not .Values.insecure.http) -}}
{{- fail "tls.secretName is empty: give a Secret with tls.crt and tls.key, or set insecure.http to serve without TLS" -}}
{{- end -}}
{{- if and .Values.tls.secretName .Values.insecure.http -}}
{{- fail "insecure.http is set although tls.secretName is: leave one of them out" -}}
{{- end -}}
{{- $isAsked := or .Values.auth.tokenFile.secretName .Values.auth.clientCa.secretName .Values.auth.config -}}
{{- if and (not $isAsked) (not .Values.insecure.noAuth) -}}
{{- fail "no way of authentication: give auth.tokenFile.secretName, auth.clientCa.secretName or auth.config, or set insecure.noAuth" -}}
{{- end -}}
{{- if and $isAsked .Values.insecure.noAuth -}}
{{- fail "insecure.noAuth is set although there is a way of authentication in auth: leave one of them out" -}}
{{- end -}}
{{- if and .Values.auth.clientCa.secretName (not .Values.tls.secretName) -}}
{{- fail "auth.clientCa needs tls.secretName: client certificates are a part of TLS" -}}
{{- end -}}
{{- end -}}

{{/* The Secrets that are mounted, by the name of the volume, as YAML. */}}
{{- define "ippoold.secrets" -}}
{{- with .Values.auth.clientCa.secretName }}
clients: {{ . }}
{{- end }}
{{- if eq .Values.datastore.type "etcd" }}
{{- with .Values.etcd.tls.secretName }}
etcd: {{ . }}
{{- end }}
{{- end }}
{{- with .Values.tls.secretName }}
tls: {{ . }}
{{- end }}
{{- with .Values.auth.tokenFile.secretName }}
tokens: {{ . }}
{{- end }}
{{- end -}}
