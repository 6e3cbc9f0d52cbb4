// Gateway and model server: one group, one address, both on its localhost. ../container-group.yaml is the same.
param name string
param location string

@description('Resource id of the user-assigned identity that pulls the images.')
param identity string

@description('Host of the registry.')
param server string

param tag string
param label string

@secure()
param tlsCertificate string

@secure()
param tlsKey string

@secure()
param tokenKey string

@secure()
param passwordPepper string

@secure()
param databaseUrl string

resource group 'Microsoft.ContainerInstance/containerGroups@2023-05-01' = {
  name: name
  location: location
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identity}': {}
    }
  }
  properties: {
    osType: 'Linux'
    sku: 'Standard'
    restartPolicy: 'Always'
    imageRegistryCredentials: [
      {
        server: server
        identity: identity
      }
    ]
    ipAddress: {
      type: 'Public'
      dnsNameLabel: label
      ports: [
        {
          protocol: 'TCP'
          port: 8443
        }
        {
          protocol: 'TCP'
          port: 8444
        }
      ]
    }
    volumes: [
      {
        name: 'given'
        secret: {
          'tls-certificate': base64(tlsCertificate)
          'tls-key': base64(tlsKey)
          'token-key': base64(tokenKey)
          'password-pepper': base64(passwordPepper)
          'database-url': base64(databaseUrl)
        }
      }
      {
        name: 'secrets'
        emptyDir: {}
      }
    ]
    // The platform does not say who may read a secret's file, and the gateway takes none that everybody may.
    initContainers: [
      {
        name: 'secrets'
        properties: {
          image: '${server}/wattgate-gateway:${tag}'
          command: [
            '/bin/sh'
            '-c'
            'umask 077; cp /mnt/given/* /run/secrets/'
          ]
          volumeMounts: [
            {
              name: 'given'
              mountPath: '/mnt/given'
              readOnly: true
            }
            {
              name: 'secrets'
              mountPath: '/run/secrets'
            }
          ]
          securityContext: {
            runAsUser: 10001
            runAsGroup: 10001
            allowPrivilegeEscalation: false
            privileged: false
            capabilities: {
              drop: [
                'ALL'
              ]
            }
          }
        }
      }
    ]
    containers: [
      {
        name: 'gateway'
        properties: {
          image: '${server}/wattgate-gateway:${tag}'
          ports: [
            {
              protocol: 'TCP'
              port: 8443
            }
            {
              protocol: 'TCP'
              port: 8444
            }
          ]
          environmentVariables: [
            {
              name: 'GATEWAY_BIND_ADDRESS'
              value: '0.0.0.0'
            }
            {
              name: 'GATEWAY_TLS_CERTIFICATE'
              value: '/run/secrets/tls-certificate'
            }
            {
              name: 'GATEWAY_TLS_KEY'
              value: '/run/secrets/tls-key'
            }
            {
              name: 'GATEWAY_TOKEN_KEY'
              value: '/run/secrets/token-key'
            }
            {
              name: 'GATEWAY_PASSWORD_PEPPER'
              value: '/run/secrets/password-pepper'
            }
            {
              name: 'GATEWAY_DATABASE_URL_FILE'
              value: '/run/secrets/database-url'
            }
            {
              name: 'GATEWAY_MODEL_SERVER'
              value: '127.0.0.1:8500'
            }
            // Four for the model server's one processor.
            {
              name: 'GATEWAY_MAX_IN_FLIGHT'
              value: '4'
            }
          ]
          resources: {
            requests: {
              cpu: 1
              memoryInGB: 1
            }
            limits: {
              cpu: 1
              memoryInGB: 1
            }
          }
          // The header is a name that every gateway goes by.
          livenessProbe: {
            httpGet: {
              scheme: 'https'
              path: '/livez'
              port: 8443
              httpHeaders: [
                {
                  name: 'Host'
                  value: 'localhost'
                }
              ]
            }
            initialDelaySeconds: 20
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 3
          }
          readinessProbe: {
            httpGet: {
              scheme: 'https'
              path: '/readyz'
              port: 8443
              httpHeaders: [
                {
                  name: 'Host'
                  value: 'localhost'
                }
              ]
            }
            periodSeconds: 5
            timeoutSeconds: 5
          }
          volumeMounts: [
            {
              name: 'secrets'
              mountPath: '/run/secrets'
              readOnly: true
            }
          ]
          securityContext: {
            runAsUser: 10001
            runAsGroup: 10001
            allowPrivilegeEscalation: false
            privileged: false
            capabilities: {
              drop: [
                'ALL'
              ]
            }
          }
        }
      }
      {
        name: 'model-server'
        properties: {
          image: '${server}/wattgate-tensorflow-serving:${tag}'
          resources: {
            requests: {
              cpu: 1
              memoryInGB: 2
            }
            limits: {
              cpu: 1
              memoryInGB: 2
            }
          }
          // Probes here know no gRPC; whether models answer is what the gateway's readiness tells.
          livenessProbe: {
            exec: {
              command: [
                '/bin/bash'
                '-c'
                'exec 3<>/dev/tcp/127.0.0.1/8500'
              ]
            }
            initialDelaySeconds: 60
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          }
          securityContext: {
            runAsUser: 10001
            runAsGroup: 10001
            allowPrivilegeEscalation: false
            privileged: false
            capabilities: {
              drop: [
                'ALL'
              ]
            }
          }
        }
      }
    ]
  }
}

output host string = group.properties.ipAddress.fqdn
