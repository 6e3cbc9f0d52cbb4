// The images. Nobody logs in by password.
param name string
param location string

@description('Principal that may pull.')
param reader string

// AcrPull
var pullRole = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '7f951dda-4ed3-4680-a7ca-43fe172d538d')

resource registry 'Microsoft.ContainerRegistry/registries@2023-07-01' = {
  name: name
  location: location
  sku: {
    name: 'Basic'
  }
  properties: {
    adminUserEnabled: false
  }
}

resource pull 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(registry.id, reader, 'pull')
  scope: registry
  properties: {
    roleDefinitionId: pullRole
    principalId: reader
    principalType: 'ServicePrincipal'
  }
}
