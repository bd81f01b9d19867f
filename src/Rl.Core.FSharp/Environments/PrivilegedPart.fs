/// The part of observations that is for critics alone: what a simulation knows and a robot does not.
namespace Rl.Core.Environments

open System
open Rl.Core.Foundations

/// Asymmetric actor-critics (Pinto et al. 2017): where observations are a dictionary with the entry `privileged`,
/// critics see it and nothing that acts does.
[<RequireQualifiedAccess>]
module PrivilegedPart =

    /// The name of the entry.
    [<Literal>]
    let Name = "privileged"

    /// Whether a part of an observation is it, or lies within it.
    let isPath (path: string) : bool = path = Name || path.StartsWith(Name + ".", StringComparison.Ordinal)

    /// Whether observations have it.
    let isIn (observations: Space) : bool =
        match observations with
        | Space.Dict entries -> entries |> List.exists (fun (name, _) -> name = Name)
        | _ -> false

    /// Refuses observations that have it, for an algorithm whose acting looks at all of them.
    let refuse (algorithm: string) (observations: Space) : unit =
        if isIn observations then
            Guard.fail
                (nameof observations)
                ($"{algorithm} acts by all that it sees, and observations have the part {Name}, which is for critics "
                 + "alone: leave it out, or filter it out with FilterObservation.")
