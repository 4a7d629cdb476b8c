import { CurveModel } from "./curve.ts";
import type { Model } from "./model.ts";
import { SolidlyModel } from "./pair.ts";
import { SingletonModel } from "./singleton.ts";
import { StakerModel } from "./staker.ts";
import { VaultModel } from "./vault.ts";
import { WrappedModel } from "./wrapped.ts";

/**
 * A model of every protocol and wrapper that has one of its own; Uniswap V2 and V3 are `World`'s, and what a factory
 * makes is `FactoryModel`'s.
 */
export const MODELS: Readonly<Record<string, () => Model>> = {
  solidly: () => new SolidlyModel(false),
  aerodrome: () => new SolidlyModel(true),
  "uniswap-v4": () => new SingletonModel(),
  "curve-ng": () => new CurveModel(false),
  curve: () => new CurveModel(true),
  erc20: () => new VaultModel(true),
  erc4626: () => new VaultModel(false),
  "staking-rewards": () => new WrappedModel("staking-rewards"),
  masterchef: () => new WrappedModel("masterchef"),
  "masterchef-v2": () => new WrappedModel("masterchef-v2"),
  "curve-gauge-v1": () => new WrappedModel("curve-gauge-v1"),
  "curve-gauge": () => new WrappedModel("curve-gauge"),
  "uniswap-v3-staker": () => new StakerModel(),
  "gauge in staking-rewards": () => new WrappedModel("nested"),
};
