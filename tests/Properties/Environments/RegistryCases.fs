/// Which of the registered environments a case of a property looks at: robots are dear.
module internal Rl.Tests.Environments.RegistryCases

open Rl.Core.Environments
open Rl.Core.Environments.Robots

let private robots = RobotEntries.all |> List.map _.Id |> Set.ofList

/// Whether a step solves for the contacts of bodies: it takes as long as a hundred of other environments.
let isRobot (id: string) = robots.Contains id

/// Every environment, but of robots the share 1 / `cases` that a seed chooses: over that many cases each comes about
/// once.
let oneIn (cases: int) (seed: uint64) =
    Registry.ids
    |> List.indexed
    |> List.filter (fun (index, id) -> not (isRobot id) || (uint64 index + seed) % uint64 cases = 0UL)
    |> List.map snd
