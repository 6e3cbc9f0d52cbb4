// Gateways, each with a model server beside it, that are called on one of their two ports.
param name string
param location string

@description('Resource id of the environment.')
param environment string

@description('Resource id of the user-assigned identity that pulls the images and reads the vault.')
param identity string

@description('Host of the registry.')
param server string

param tag string
param vaultUri string

@description('Host of the PostgreSQL server.')
param database string

@secure()
param databasePassword string

@description('Port of the gateway that is let in: 8443 for HTTPS, 8444 for gRPC.')
param port int

resource app 'Microsoft.App/containerApps@2024-03-01' = {
  name: name
  location: location
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identity}': {}
    }
  }
  properties: {
    environmentId: environment
    workloadProfileName: 'Consumption'
    configuration: {
      activeRevisionsMode: 'Single'
      ingress: {
        external: true
        transport: 'tcp'
        targetPort: port
        exposedPort: port
      }
      registries: [
        {
          server: server
          identity: identity
        }
      ]
      secrets: [
        {
          name: 'tls-certificate'
          keyVaultUrl: '${vaultUri}secrets/tls-certificate'
          identity: identity
        }
        {
          name: 'tls-key'
          keyVaultUrl: '${vaultUri}secrets/tls-key'
          identity: identity
        }
        {
          name: 'token-key'
          keyVaultUrl: '${vaultUri}secrets/token-key'
          identity: identity
        }
        {
          name: 'password-pepper'
          keyVaultUrl: '${vaultUri}secrets/password-pepper'
          identity: identity
        }
        {
          name: 'database-url'
          value: 'postgresql://wattgate:${uriComponent(trim(databasePassword))}@${database}/wattgate?sslmode=verify-full&sslrootcert=/etc/ssl/certs/ca-certificates.crt'
        }
      ]
    }
    template: {
      // GATEWAY_DRAIN_S and GATEWAY_SHUTDOWN_DELAY_S, and some.
      terminationGracePeriodSeconds: 20
      volumes: [
        {
          name: 'given'
          storageType: 'Secret'
          secrets: [
            {
              secretRef: 'tls-certificate'
              path: 'tls-certificate'
            }
            {
              secretRef: 'tls-key'
              path: 'tls-key'
            }
            {
              secretRef: 'token-key'
              path: 'token-key'
            }
            {
              secretRef: 'password-pepper'
              path: 'password-pepper'
            }
            {
              secretRef: 'database-url'
              path: 'database-url'
            }
          ]
        }
        {
          name: 'secrets'
          storageType: 'EmptyDir'
        }
      ]
      // The platform does not say who may read a secret's file, and the gateway takes none that everybody may.
      initContainers: [
        {
          name: 'secrets'
          image: '${server}/wattgate-gateway:${tag}'
          command: [
            '/bin/sh'
            '-c'
            'umask 077; cp /mnt/given/* /run/secrets/'
          ]
          resources: {
            cpu: json('0.25')
            memory: '0.5Gi'
          }
          volumeMounts: [
            {
              volumeName: 'given'
              mountPath: '/mnt/given'
            }
            {
              volumeName: 'secrets'
              mountPath: '/run/secrets'
            }
          ]
        }
      ]
      containers: [
        {
          name: 'gateway'
          image: '${server}/wattgate-gateway:${tag}'
          env: [
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
            // Those of both apps: they share a PostgreSQL.
            {
              name: 'GATEWAY_REPLICAS'
              value: '12'
            }
            {
              name: 'GATEWAY_MODEL_SERVER'
              value: '127.0.0.1:8500'
            }
            // Four for each processor of the model server, of which it has one and a half.
            {
              name: 'GATEWAY_MAX_IN_FLIGHT'
              value: '6'
            }
            {
              name: 'GATEWAY_SHUTDOWN_DELAY_S'
              value: '5'
            }
          ]
          resources: {
            cpu: json('0.5')
            memory: '1Gi'
          }
          // The header is a name that every gateway goes by.
          probes: [
            {
              type: 'Startup'
              tcpSocket: {
                port: 8443
              }
              periodSeconds: 2
              failureThreshold: 60
            }
            {
              type: 'Liveness'
              httpGet: {
                scheme: 'HTTPS'
                path: '/livez'
                port: 8443
                httpHeaders: [
                  {
                    name: 'Host'
                    value: 'localhost'
                  }
                ]
              }
              periodSeconds: 10
              timeoutSeconds: 5
            }
            {
              type: 'Readiness'
              httpGet: {
                scheme: 'HTTPS'
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
          ]
          volumeMounts: [
            {
              volumeName: 'secrets'
              mountPath: '/run/secrets'
            }
          ]
        }
        {
          name: 'model-server'
          image: '${server}/wattgate-tensorflow-serving:${tag}'
          resources: {
            cpu: json('1.5')
            memory: '3Gi'
          }
          // Probes here know no gRPC; whether models answer is what the gateway's readiness tells.
          probes: [
            {
              type: 'Startup'
              tcpSocket: {
                port: 8500
              }
              periodSeconds: 5
              failureThreshold: 60
            }
            {
              type: 'Liveness'
              tcpSocket: {
                port: 8500
              }
              periodSeconds: 10
            }
          ]
        }
      ]
      scale: {
        minReplicas: 2
        maxReplicas: 6
        // gRPC's callers do much over few connections, so what is computed counts too.
        rules: [
          {
            name: 'connections'
            tcp: {
              metadata: {
                concurrentConnections: '100'
              }
            }
          }
          {
            name: 'processor'
            custom: {
              type: 'cpu'
              metadata: {
                type: 'Utilization'
                value: '70'
              }
            }
          }
        ]
      }
    }
  }
}

output host string = app.properties.configuration.ingress.fqdn
