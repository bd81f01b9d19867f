#!/usr/bin/env bash
# Expected: a refusal that the user of a command understands. Seen with System.CommandLine 3.0.0: for an option of type long? the message names
# the type as the runtime does, System.Nullable`1[System.Int64]; nor are 1e6 and 1_000_000 read. Work-around: src/Rl.Cli/NumberOption.cs.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > finding.csproj <<'PROJECT'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="System.CommandLine" Version="3.0.0" />
  </ItemGroup>
</Project>
PROJECT
cat > Program.cs <<'PROGRAM'
using System.CommandLine;

var root = new RootCommand { new Option<long?>("--steps") };
foreach (var text in new[] { "1e6", "1_000_000", "abc" })
{
    foreach (var error in root.Parse(["--steps", text]).Errors)
    {
        System.Console.WriteLine(error.Message);
    }
}
PROGRAM

echo "SDK $(dotnet --version), System.CommandLine 3.0.0"
dotnet build -c Release -v quiet --nologo >&2
output=$(dotnet bin/Release/net10.0/finding.dll)
echo "$output"
if [ "$(grep -cF 'System.Nullable`1[System.Int64]' <<<"$output")" != 3 ]; then
    echo "CHANGED: the messages no longer name the type." >&2
    exit 1
fi
