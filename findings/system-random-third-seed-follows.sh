#!/usr/bin/env bash
# Expected: new Random(1), new Random(2) and new Random(3) are three streams of which none tells about another; .NET's
# documentation says no more than that other seeds give other sequences. Seen with .NET 10.0: the state is a linear
# function of the seed, so draw n of seed s is a(n) + s b(n) modulo 2^31 - 1 with the same a and b for all seeds. The
# whole third stream is twice the second less the first. Over many consecutive seeds each draw is spread as if by a
# ruler: the mean over 1,000 seeds is nine times nearer to one half than chance allows, so a standard error over seeds
# says nothing. Streams without a seed are of another generator (xoshiro256**) and free of it.
# Where it matters to us: training draws from src/Rl.Core.FSharp/Foundations/Rng.fs, whose seeds are hashed; whoever
# hands out many System.Random takes their seeds from one stream, or hashes them (src/Rl.Data/Recording.cs).
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
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="MathNet.Numerics" Version="5.0.0" />
  </ItemGroup>
</Project>
XML

cat > Program.cs <<'CS'
using MathNet.Numerics.Random;

Console.WriteLine($".NET {Environment.Version}; control: the Mersenne twister of MathNet.Numerics 5.0.0");
var random = Tell("System.Random", seed => new Random(seed));
var twister = Tell("MersenneTwister", seed => new MersenneTwister(seed));
return random.Foretold == 1 && random.Ratio < 0.2 && twister.Foretold < 0.01 && twister.Ratio > 0.5 ? 0 : 1;

static (double Foretold, double Ratio) Tell(string name, Func<int, Random> create)
{
    // How many draws of seed 3 are what those of seeds 1 and 2 foretell.
    const int Draws = 100_000;
    var (first, second, third) = (create(1), create(2), create(3));
    var foretold = 0;
    for (var n = 0; n < Draws; n++)
    {
        var guess = (2 * second.NextDouble()) - first.NextDouble();
        var distance = Math.Abs(third.NextDouble() - (guess - Math.Floor(guess)));
        foretold += Math.Min(distance, 1 - distance) < 1e-8 ? 1 : 0;
    }

    // How far the means over seeds are from one half, in units of what independent seeds give: 1 would be right.
    const int Seeds = 1_000, Positions = 200;
    var sums = new double[Positions];
    for (var seed = 1; seed <= Seeds; seed++)
    {
        var stream = create(seed);
        for (var n = 0; n < Positions; n++)
        {
            sums[n] += stream.NextDouble();
        }
    }

    // The median distance that chance gives is 0.6745 standard errors.
    var strays = sums.Select(sum => Math.Abs((sum / Seeds) - 0.5) * Math.Sqrt(12 * Seeds) / 0.6745).Order().ToArray();
    var ratio = strays[Positions / 2];
    Console.WriteLine(
        $"{name}: {(double)foretold / Draws:0.00000} of seed 3's draws follow from seeds 1 and 2; "
        + $"the mean over {Seeds} seeds strays {ratio:0.00} times as far as chance has it, as the median of draws");
    return ((double)foretold / Draws, ratio);
}
CS

dotnet build -c Release -v quiet --nologo >&2
if ! dotnet run -c Release --no-build; then
    echo "CHANGED: seeded streams of System.Random no longer follow from one another." >&2
    exit 1
fi
