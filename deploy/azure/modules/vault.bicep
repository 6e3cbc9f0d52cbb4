// The gateway's secrets. Templates may hand them to what they deploy; what is deleted can be had back for a week.
param name string
param location string

@description('Principal that may read secrets.')
param reader string

@description('Object id of who may write them.')
param administrator string

// Key Vault Secrets User, Key Vault Secrets Officer
var readRole = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '4633458b-17de-408a-b874-0445c86b69e6')
var writeRole = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7')

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: name
  location: location
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enabledForTemplateDeployment: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 7
  }
}

resource read 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, reader, 'read')
  scope: vault
  properties: {
    roleDefinitionId: readRole
    principalId: reader
    principalType: 'ServicePrincipal'
  }
}

resource write 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, administrator, 'write')
  scope: vault
  properties: {
    roleDefinitionId: writeRole
    principalId: administrator
  }
}
