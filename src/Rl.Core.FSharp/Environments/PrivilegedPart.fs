/// The part of observations that is for critics alone: what a simulation knows and a robot does not.
namespace Rl.Core.Environments

open System

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
