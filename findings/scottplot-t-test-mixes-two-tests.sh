#!/usr/bin/env bash
# Expected: an unpaired t test is either Student's (one variance for both samples, n + m - 2 degrees of freedom) or
# Welch's (a variance each, degrees of freedom from the variances). Seen with ScottPlot 5.1.59: its UnpairedTTest takes
# Welch's statistic and Student's degrees of freedom, so P is that of neither. Where samples differ in size and spread,
# as a few seeds of a new agent against many of an old one, it finds differences that are not there: a sixth of the
# comparisons of equal agents is below 0.05 here. The documentation says no more than "T statistic" and "Degrees of
# freedom". Where it matters to us: ScottPlot draws our pictures and computes nothing; agents are compared by bootstrap
# (src/Rl.Api.CSharp/Internal/Bootstrap.cs).
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
using MathNet.Numerics.Distributions;
using MathNet.Numerics.Random;
using MathNet.Numerics.Statistics;
using ScottPlot;
using ScottPlot.Statistics.Tests;

Console.WriteLine("ScottPlot 5.1.59; controls from the t distribution of MathNet.Numerics 5.0.0");
double[] first = [1, 2, 3, 4, 5];
double[] second = [2, 4, 6, 8, 10, 12, 30];
var test = new UnpairedTTest(new Population(first), new Population(second));
var (student, welch) = (Student(first, second), Welch(first, second));
Console.WriteLine($"ScottPlot t {test.T:0.0000}, df {test.DF}, p {test.P:0.0000}");
Console.WriteLine($"Student   t {student.T:0.0000}, df {student.Freedom}, p {student.P:0.0000}");
Console.WriteLine($"Welch     t {welch.T:0.0000}, df {welch.Freedom:0.00}, p {welch.P:0.0000}");
var isMixed = Math.Abs(test.T - welch.T) < 1e-9
    && test.DF == student.Freedom
    && Math.Abs(test.P - TwoSided(welch.T, student.Freedom)) < 1e-3;

// Two agents that are equally good: 3 seeds that vary much, and 20 that vary little.
const int Comparisons = 4_000;
var random = new MersenneTwister(1);
var (found, control) = (0, 0);
for (var i = 0; i < Comparisons; i++)
{
    var few = Normal.Samples(random, 0, 4).Take(3).ToArray();
    var many = Normal.Samples(random, 0, 1).Take(20).ToArray();
    found += new UnpairedTTest(new Population(few), new Population(many)).P < 0.05 ? 1 : 0;
    control += Welch(few, many).P < 0.05 ? 1 : 0;
}

var (share, right) = ((double)found / Comparisons, (double)control / Comparisons);
Console.WriteLine($"equal agents called different at 0.05: ScottPlot {share:0.0%}, Welch {right:0.0%}");
return isMixed && share > 0.1 && right < 0.07 ? 0 : 1;

static (double T, double Freedom, double P) Student(double[] x, double[] y)
{
    var freedom = x.Length + y.Length - 2;
    var pooled = (((x.Length - 1) * x.Variance()) + ((y.Length - 1) * y.Variance())) / freedom;
    var t = (x.Mean() - y.Mean()) / Math.Sqrt(pooled * ((1.0 / x.Length) + (1.0 / y.Length)));
    return (t, freedom, TwoSided(t, freedom));
}

static (double T, double Freedom, double P) Welch(double[] x, double[] y)
{
    var (a, b) = (x.Variance() / x.Length, y.Variance() / y.Length);
    var t = (x.Mean() - y.Mean()) / Math.Sqrt(a + b);
    var freedom = (a + b) * (a + b) / ((a * a / (x.Length - 1)) + (b * b / (y.Length - 1)));
    return (t, freedom, TwoSided(t, freedom));
}

static double TwoSided(double t, double freedom) => 2 * StudentT.CDF(0, 1, freedom, -Math.Abs(t));
CS

dotnet build -c Release -v quiet --nologo >&2
if ! dotnet run -c Release --no-build; then
    echo "CHANGED: the unpaired t test of ScottPlot is another one." >&2
    exit 1
fi
