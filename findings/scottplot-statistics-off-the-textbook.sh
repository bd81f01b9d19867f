#!/usr/bin/env bash
# Expected of ScottPlot.Statistics, whose documentation says "the percentile of a sample", "a moving window average" and
# "a Gaussian distribution of probabilities": the 50th percentile is the median, n numbers have n - 2 windows of three,
# and a density integrates to 1. Seen with ScottPlot 5.1.59: Percentile(50) of 1 to 10 is 6, where Median is 5.5, and
# Percentile(90) is 10, the largest; none of the nine usual definitions gives either. Series.MovingAverage and
# SimpleMovingStandardDeviation leave the first window out. ProbabilityDensity.GetY is 1 at the mean whatever the
# spread, and integrates to 2.5 standard deviations.
# Where it matters to us: ScottPlot draws our pictures, and the numbers in them are our own.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

cat > Finding.csproj <<'XML'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
    <InvariantGlobalization>true</InvariantGlobalization>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="ScottPlot" Version="5.1.59" />
    <PackageReference Include="MathNet.Numerics" Version="5.0.0" />
  </ItemGroup>
</Project>
XML

cat > Program.cs <<'CS'
using MathNet.Numerics.Statistics;
using ScottPlot.Statistics;

Console.WriteLine("ScottPlot 5.1.59; controls from MathNet.Numerics 5.0.0");
var x = Enumerable.Range(1, 10).Select(i => (double)i).ToArray();
QuantileDefinition[] definitions =
[
    QuantileDefinition.R1, QuantileDefinition.R2, QuantileDefinition.R3, QuantileDefinition.R4, QuantileDefinition.R5,
    QuantileDefinition.R6, QuantileDefinition.R7, QuantileDefinition.R8, QuantileDefinition.R9,
];
var isAny = false;
foreach (var percent in new[] { 25, 50, 75, 90 })
{
    var usual = definitions.Select(definition => x.QuantileCustom(percent / 100.0, definition)).ToArray();
    var got = Descriptive.Percentile(x, percent);
    Console.WriteLine($"percentile {percent} of 1 to 10: {got}; usual are {usual.Min():0.00} to {usual.Max():0.00}");
    isAny |= percent is 50 or 90 && usual.Any(value => Math.Abs(value - got) < 1e-9);
}

Console.WriteLine($"median of 1 to 10: {Descriptive.Median(x)}");

var averages = Series.MovingAverage(x, 3);
Console.WriteLine($"averages of three: {string.Join(' ', averages)}");
double[] doubling = [1, 2, 4, 8, 16];
var deviations = Series.SimpleMovingStandardDeviation(doubling, 3);
Console.WriteLine($"deviations of three of 1 2 4 8 16: {string.Join(' ', deviations.Select(d => $"{d:0.000}"))}");
var control = x.Skip(2).Select((_, i) => x.Skip(i).Take(3).Average());
Console.WriteLine($"control, averages of three: {string.Join(' ', control)}");

// Sums over 40 standard deviations are integrals for all purposes.
var integrals = new[] { 1.0, 3.0 }.Select(scale =>
{
    var density = new ProbabilityDensity(0, scale);
    return Enumerable.Range(-20_000, 40_001).Sum(i => density.GetY(i * scale / 1_000) * scale / 1_000);
}).ToArray();
Console.WriteLine($"integrals of the densities of spread 1 and 3: {integrals[0]:0.0000} and {integrals[1]:0.0000}");

var percentiles = !isAny && Descriptive.Percentile(x, 50) == 6 && Descriptive.Median(x) == 5.5;
var windows = averages.Length == 7 && averages[0] == 3 && deviations.Length == 2 && control.Count() == 8;
return percentiles && windows && integrals[0] > 2 && integrals[1] > 2 * integrals[0] ? 0 : 1;
CS

dotnet build -c Release -v quiet --nologo >&2
if ! dotnet run -c Release --no-build; then
    echo "CHANGED: percentiles, moving windows or densities of ScottPlot are other ones." >&2
    exit 1
fi
